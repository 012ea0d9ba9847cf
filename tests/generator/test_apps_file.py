"""apps.yaml: roles of the project's own, and the extensions that its apps need."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Target, Variables
from tests.generator.small import refused, with_core, write

APPS = """zone: Asia/Seoul
roles:
  monitor: {of: [authenticator], about: "reads health"}
  robot: {login: true, about: "logs in by itself"}
apps:
  core: {needs: [], extensions: [pg_trgm], about: "core"}
  shop: {needs: [core], extensions: [pg_trgm, uuid-ossp], about: "shop"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with_core(tmp_path)
    write(tmp_path, "apps.yaml", APPS)
    write(tmp_path, "policies/shop.yaml", "tables: {}\n")
    return tmp_path


def bootstrap(project: Path, target: Target) -> str:
    return next(
        step.sql for step in render_steps(Project(project), Variables(target)) if step.kind == "bootstrap"
    )


@pytest.mark.parametrize("target", ["postgres", "supabase"])
def test_the_bootstrap_makes_the_projects_roles_and_extensions(project: Path, target: Target) -> None:
    text = bootstrap(project, target)
    assert "('monitor', 'nologin noinherit')" in text
    assert "('robot', 'login noinherit')" in text
    assert "('monitor', 'authenticator')" in text
    assert text.count("create extension if not exists pg_trgm with schema extensions;") == 1
    assert text.count('create extension if not exists "uuid-ossp" with schema extensions;') == 1


def test_what_supabase_brings_is_not_made_there(project: Path) -> None:
    text = bootstrap(project, "supabase")
    for word in ("dotbase_owner", "pgcrypto", "'anon'", "revoke create"):
        assert word not in text, word
        assert word in bootstrap(project, "postgres"), word


def test_without_own_roles_and_extensions_supabase_needs_no_bootstrap(project: Path) -> None:
    write(project, "apps.yaml", 'zone: UTC\napps:\n  core: {about: "core"}\n  shop: {about: "shop"}\n')
    lines = bootstrap(project, "supabase").splitlines()
    assert [line for line in lines if line and not line.startswith("--")] == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("  anon: {about: x}", "role anon is Postgres's, Supabase's or dotbase's own"),
        ("  pg_mine: {about: x}", "role pg_mine is Postgres's, Supabase's or dotbase's own"),
        ("  cron: {about: x}", "role cron is Postgres's, Supabase's or dotbase's own"),
        ("  a: {of: [b], about: x}", "role a is `of` b, which is none of ours: declare it here"),
        ("  a: {of: [anon], about: x}", "role a is `of` anon, who would have its rights at once"),
    ],
)
def test_roles_that_are_not_the_projects_are_refused(project: Path, line: str, sentence: str) -> None:
    write(project, "apps.yaml", APPS.replace("  robot:", f"{line}\n  robot:"))
    refused(project, f"apps.yaml:2: `roles`: {sentence}; fix that entry.")


def test_an_extension_that_every_database_has_is_refused(project: Path) -> None:
    write(project, "apps.yaml", APPS.replace("uuid-ossp", "pgcrypto"))
    sentence = "every database of dotbase has pgcrypto: leave it out; fix that entry."
    refused(project, f"apps.yaml:7: `apps shop extensions`: {sentence}")
