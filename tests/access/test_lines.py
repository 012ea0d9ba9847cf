"""Lines of every kind hold: own rows, conditions, columns, writes, for people, servers and pg_cron."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.access import notes
from tests.access.callers import CALLERS, Caller
from tests.access.conftest import OPEN
from tests.access.live_matrix import LiveMatrix, live_matrix, report
from tests.access.routines import calls, try_routines, try_schema, try_sequence
from tests.access.tables import try_table
from tests.harness.databases import Database
from tests.harness.declared import POLICIES

by_caller = pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name.replace(" ", "-"))


@pytest.fixture(scope="module")
def noted(module_db: Database, stranger: str) -> Iterator[LiveMatrix]:
    declared = [*POLICIES, notes.install(module_db)]
    with live_matrix(module_db, stranger, declared) as live:
        live.keep(["notes.notes", "notes.boards"])
        yield live


@by_caller
@pytest.mark.parametrize("name", ["notes.notes", "notes.boards", "api.pinned_notes"])
def test_table(noted: LiveMatrix, caller: Caller, name: str) -> None:
    findings = try_table(noted, noted.sessions[caller.name], noted.objects[name])
    assert not findings, report(findings)


@by_caller
def test_everything_else_of_the_app(noted: LiveMatrix, caller: Caller) -> None:
    session = noted.sessions[caller.name]
    of_app = [thing for thing in noted.matrix.objects["notes"] if thing.kind in ("rpc", "function")]
    findings = list(try_routines(noted, session, of_app, calls(noted.db, ["notes", "api"])))
    for thing in noted.matrix.objects["notes"]:
        if thing.kind == "schema":
            findings += try_schema(noted, session, thing)
        if thing.kind == "sequence":
            findings += try_sequence(noted, session, thing)
    assert not findings, report(findings)


@pytest.mark.parametrize(
    ("caller", "statement", "seen"),
    [
        ("walker one", "select title from notes.notes", 1),
        ("walker two", "select title from notes.notes", 2),
        ("administrator", "select title from notes.notes", 3),
        ("service_role", "select title from notes.notes", 6),
        ("walker two", "select title from api.pinned_notes", 1),
        ("anon", "select motto from notes.boards", 2),
        ("walker two", "select motto from notes.boards", 3),
    ],
)
def test_the_lines_mean_what_they_say(noted: LiveMatrix, caller: str, statement: str, seen: int) -> None:
    """By hand, so that the executed matrix is not the only one to say so."""
    assert len(noted.sessions[caller].rows(statement)) == seen


def test_the_matrix_is_a_part_of_what_dotbase_access_prints(noted: LiveMatrix) -> None:
    cells = {
        (cell.role, cell.command, cell.column): (cell.rows, cell.refused)
        for cell in noted.matrix.of(noted.objects["notes.notes"])
    }
    assert cells["authenticated", "update", "title"] == ("own", None)
    assert cells["administrator", "update", "title"] == ("own", None)
    assert cells["authenticated", "update", "pinned"] == (None, "right")
    assert cells["authenticated", "delete", None] == ("own", None)
    assert cells["service_role", "select", "title"] == ("all", None)
    assert cells["service_role", "select", "user_id"] == (None, "right")
    assert cells["anon", "select", "title"] == (None, "right")
    rpcs = {cell.role: cell.refused for cell in noted.matrix.cells if cell.object == "api.wipe_notes()"}
    assert (rpcs["authenticated"], rpcs["administrator"], rpcs["anon"]) == ("claim", None, "right")


def test_it_holds_behind_open_schemas_too(noted: LiveMatrix) -> None:
    for schema in ("notes", "api"):
        noted.db.owner.execute(OPEN.format(schema).encode())
    findings = [
        finding
        for session in noted.sessions.values()
        for name in ("notes.notes", "notes.boards", "api.pinned_notes")
        for finding in try_table(noted, session, noted.objects[name])
    ]
    assert not findings, report(findings)
