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
NO_LIMIT = "is no limit; it is a whole number, more than 0, and ms, s or min: 500ms"


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
    for word in ("dotbase_owner", "pgcrypto", "('anon', 'nologin", "revoke create"):
        assert word not in text, word
        assert word in bootstrap(project, "postgres"), word


def test_without_own_roles_and_extensions_the_bootstrap_on_supabase_sets_limits_alone(project: Path) -> None:
    write(project, "apps.yaml", 'zone: UTC\napps:\n  core: {about: "core"}\n  shop: {about: "shop"}\n')
    text = bootstrap(project, "supabase")
    assert "alter role %I set %s = %L" in text
    for word in ("create role", "create extension", "grant"):
        assert word not in text, word


@pytest.mark.parametrize("target", ["postgres", "supabase"])
def test_every_role_that_clients_come_as_has_the_limits(project: Path, target: Target) -> None:
    """Fault 17. Own roles too, when PostgREST may switch to them; a login of its own is no client."""
    limits = "client_limits: {lock_timeout: 500ms, statement_timeout: 1min}\n"
    write(project, "apps.yaml", f"{limits}{APPS}")
    text = bootstrap(project, target)
    for role in ("anon", "authenticated", "service_role", "monitor"):
        assert f"('{role}', 'lock_timeout', '500ms')" in text
        assert f"('{role}', 'statement_timeout', '1min')" in text
        assert f"('{role}', 'idle_in_transaction_session_timeout', '10s')" in text
    assert "('robot', 'lock_timeout'" not in text


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (
            "{lock_timeout: 2}",
            f"`client_limits lock_timeout`: 2 {NO_LIMIT}",
        ),
        (
            "{statement_timeout: 0s}",
            f"`client_limits statement_timeout`: 0s {NO_LIMIT}",
        ),
        (
            "{lock_timeout: 1min, statement_timeout: 60s}",
            "`client_limits`: lock_timeout is not shorter than statement_timeout, which would end the wait"
            " first",
        ),
    ],
)
def test_limits_that_limit_nothing_are_refused(project: Path, limits: str, sentence: str) -> None:
    write(project, "apps.yaml", f"client_limits: {limits}\n{APPS}")
    refused(project, f"apps.yaml:1: {sentence}; fix that entry.")


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
