"""Every cell of the access matrix, executed: by nine callers, on each object of the app schemas and api."""

from __future__ import annotations

import pytest

from tests.access.callers import CALLERS, Caller
from tests.access.live_matrix import LiveMatrix, report
from tests.access.routines import calls, try_routines, try_sequence
from tests.access.tables import try_table
from tests.harness.declared import ALL_VIEWS, APPS, RPCS, TABLES

SCHEMAS = [*APPS, "api"]

by_caller = pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name.replace(" ", "-"))


@pytest.fixture(scope="module")
def every_call(live_shut: LiveMatrix) -> dict[str, str]:
    return calls(live_shut.db, SCHEMAS)


@by_caller
@pytest.mark.parametrize("name", [*TABLES, *ALL_VIEWS])
def test_table(live: LiveMatrix, caller: Caller, name: str) -> None:
    findings = try_table(live, live.sessions[caller.name], live.objects[name])
    assert not findings, report(findings)


@by_caller
@pytest.mark.parametrize("rpc", RPCS)
def test_rpc(live: LiveMatrix, caller: Caller, rpc: str, every_call: dict[str, str]) -> None:
    things = [thing for thing in live.of_kind("rpc") if thing.name == rpc]
    findings = list(try_routines(live, live.sessions[caller.name], things, every_call))
    assert not findings, report(findings)


@by_caller
@pytest.mark.parametrize("schema", SCHEMAS)
def test_functions(live: LiveMatrix, caller: Caller, schema: str, every_call: dict[str, str]) -> None:
    things = [thing for thing in live.of_kind("function") if thing.schema == schema]
    findings = list(try_routines(live, live.sessions[caller.name], things, every_call))
    assert not findings, report(findings)


@by_caller
def test_sequences(live: LiveMatrix, caller: Caller) -> None:
    findings = [
        finding
        for thing in live.of_kind("sequence")
        for finding in try_sequence(live, live.sessions[caller.name], thing)
    ]
    assert not findings, report(findings)


def test_no_object_of_the_catalog_is_left_out(live_shut: LiveMatrix, every_call: dict[str, str]) -> None:
    """Asked of the catalog in other words than the matrix asks."""
    relations = live_shut.db.rows(
        "select c.oid::regclass::text as name, c.relkind as kind from pg_class as c "
        "where c.relnamespace = any (%s::regnamespace[]) and c.relkind not in ('i', 'I', 'c', 't') "
        "and not c.relispartition",
        SCHEMAS,
    )
    named = {kind: {row["name"] for row in relations if row["kind"] in kind} for kind in ("rpf", "vm", "S")}
    assert named["rpf"] == set(TABLES)
    assert named["vm"] == set(ALL_VIEWS)
    assert named["S"] == {thing.title for thing in live_shut.of_kind("sequence")}
    assert sum(map(len, named.values())) == len(relations)
    assert set(every_call) == {thing.title for thing in live_shut.of_kind("rpc", "function")}
    assert {thing.name for thing in live_shut.of_kind("rpc")} == set(RPCS)
    assert {thing.title for thing in live_shut.of_kind("schema")} == set(SCHEMAS)


def test_the_seed_gives_both_walkers_a_row_in_each_of_peoples_tables(live_shut: LiveMatrix) -> None:
    tables = live_shut.of_kind("table")
    people = [thing.title for thing in tables if "user_id" in thing.columns]
    assert len(people) >= 7
    for name in people:
        rows = live_shut.db.value(f"select count(distinct user_id) from {name}")
        assert rows == 2, (
            f"{name}: `fill` in tests/apps/{name.partition('.')[0]}.py gives rows to {rows} walkers"
        )
    empty = [thing.title for thing in tables if not live_shut.content(thing.title)]
    assert empty == [], "`fill` of their apps in tests/apps puts no row there"
