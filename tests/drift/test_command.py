"""`dotbase drift` as a person and as a program run it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from dotbase.drift import reference
from dotbase.drift.reference import Reference
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from tests.drift.changes import PATH
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.small import Said, dotbase
from tests.generator.test_migrate_commands import copy_project
from tests.harness.server import ROOT, Server
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("test_supabase.py compares there")

HAND = f"""
alter table luckywalk.rounds disable row level security;
grant select on luckywalk.tickets to anon;
alter function core.now() volatile;
comment on function core.now() is 'two
lines; and a semicolon';
create or replace function luckywalk.refuse_ticket_change() returns trigger language plpgsql
{PATH} as $$
begin
    return null;
end $$;
"""


@pytest.fixture(scope="module")
def rig(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[Rig]:
    """A database that `dotbase migrate` made of the checkout."""
    with new_database(server, maintenance) as rig:
        said = run(rig, "migrate", "--clock", "movable")
        assert said.code == 0, said.err
        yield rig


@pytest.fixture(scope="module", autouse=True)
def built_once() -> Iterator[None]:
    """The reference of one rendering is built once for all tests of the module."""
    build: dict[object, Reference] = {}

    def remember(options: object, steps: list[Step], variables: Variables, *rest: object) -> Reference:
        key = (variables, rest, *(step.sha for step in steps))
        if key not in build:
            build[key] = real(options, steps, variables, *rest)
        return build[key]

    real: Any = reference.build
    with patch.object(reference, "build", remember):
        yield


def run(rig: Rig, *arguments: str, project: Path = ROOT, user: str | None = None) -> Said:
    return dotbase(project, "--database-url", rig.server.conninfo(rig.name, user), *arguments)


@pytest.fixture
def changed(rig: Rig) -> Iterator[Rig]:
    """The database with changes made by hand, which the test fixes."""
    with rig.connect() as connection:
        connection.execute(HAND.encode())
    yield rig
    assert run(rig, "drift").code == 0


def test_what_was_migrated_has_no_drift(rig: Rig) -> None:
    said = run(rig, "drift")
    assert (said.code, said.out, said.err) == (
        0,
        "No drift: the database is what the templates say.\n",
        "",
    )
    assert json.loads(run(rig, "drift", "--json").out) == {"pending": None, "notes": [], "drift": []}
    assert run(rig, "drift", "--sql").out == ""


def test_drift_is_one_line_each_and_the_script_fixes_it(changed: Rig) -> None:
    said = run(changed, "drift")
    assert said.code == 3
    *lines, last = said.out.splitlines()
    assert lines[0].startswith(
        "core: function core.now(): comment: declared The time at which the transaction began, for business"
    )
    assert [line.partition("; fix: ")[0] for line in lines[1:]] == [
        "core: function core.now(): volatility: declared stable, live volatile",
        "luckywalk: function luckywalk.refuse_ticket_change(): body: declared perform"
        " core.raise('tickets_sealed');, live return null;",
        "luckywalk: table luckywalk.rounds: row-level security: declared enabled, live none",
        "luckywalk: table luckywalk.tickets: grant to anon: declared none, live select",
    ]
    assert lines[-1].endswith("; fix: revoke select on table luckywalk.tickets from anon")
    assert last == "5 differences."
    found = json.loads(run(changed, "drift", "--json").out)["drift"]
    assert [one["app"] for one in found] == ["core", "core", "luckywalk", "luckywalk", "luckywalk"]
    assert found[1] == {
        "app": "core",
        "kind": "function",
        "object": "core.now()",
        "aspect": "volatility",
        "declared": "stable",
        "live": "volatile",
        "fix": ["alter function core.now() stable"],
        "no_fix": None,
    }
    script = run(changed, "drift", "--sql")
    assert script.code == 3
    with changed.connect() as connection:
        connection.execute(script.out.encode())


def test_steps_that_wait_are_told_first(rig: Rig, tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    topic = project / "functions/luckywalk/ticket_guard.sql"
    topic.write_text(
        topic.read_text().replace("    return null;\n", "    -- Not reached.\n    return null;\n")
    )
    said = run(rig, "drift", project=project)
    assert said.code == 3
    first, *lines = said.out.splitlines()
    assert first == "1 step is not applied: run dotbase plan."
    assert len(lines) == 3
    assert all(": body: declared -- Not reached., live return null;" in line for line in lines[:2])


def test_a_bootstrap_that_changed_waits_too(rig: Rig, tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    bootstrap = project / "schema/core/bootstrap.sql.j2"
    bootstrap.write_text(bootstrap.read_text() + "-- Nothing that the catalog knows.\n")
    said = run(rig, "drift", project=project)
    assert said.code == 0
    assert said.out.splitlines() == [
        "1 step is not applied: run dotbase plan.",
        "Apart from that, no drift.",
    ]


def test_a_version_that_was_edited_is_told_first(rig: Rig, tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    version = project / "schema/ledger/0003_ledger.sql"
    version.write_text(version.read_text() + "comment on schema ledger is 'edited';\n")
    said = run(rig, "drift", project=project)
    assert said.code == 3
    assert said.out.startswith("Migrate would refuse: schema/ledger/0003_ledger.sql:1: version ledger.0003")


def test_a_schema_of_somebody_else_can_be_left_out(rig: Rig) -> None:
    with rig.connect() as connection:
        connection.execute("create schema neighbour; create table neighbour.own (x int)")
    said = run(rig, "drift")
    assert said.code == 3
    assert said.out.startswith("neighbour: schema neighbour is not declared; by hand only: ")
    assert run(rig, "drift", "--ignore", "neighbour").code == 0
    with rig.connect() as connection:
        connection.execute("drop schema neighbour cascade")


def test_a_role_that_may_not_look_is_told_so(rig: Rig) -> None:
    said = run(rig, "drift", user="authenticator")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("dotbase: the role may not ")
    assert said.err.count("\n") == 1


def test_a_server_that_is_not_there_is_an_error(rig: Rig) -> None:
    said = dotbase(ROOT, "--database-url", "postgresql://nobody@127.0.0.1:1/nothing", "drift")
    assert said.code == 1
    assert said.err.count("\n") == 1


def test_nothing_is_made_and_whoever_writes_does_not_hold_it_up(rig: Rig) -> None:
    before = rig.catalog()
    with rig.connect() as other, other.transaction():
        other.execute("lock table luckywalk.tickets, core.errors in exclusive mode")
        assert run(rig, "drift").code == 0
    assert rig.catalog() == before
