"""Every cell of the access matrix, executed: by eight callers, on each object of the app schemas and api."""

from __future__ import annotations

import pytest

from dotbase.render.declarations import policies
from tests.access.callers import CALLERS, Caller
from tests.access.routines import calls, try_routines, try_sequence
from tests.access.tables import try_table
from tests.access.world import PROJECT, SHIPPED, World, report

DECLARED = policies.of(PROJECT)
SCHEMAS = [*(one.app for one in DECLARED), "api"]
TABLES = [f"{one.app}.{table}" for one in DECLARED for table in one.policies.tables]
VIEWS = [f"api.{view}" for one in DECLARED for view in one.policies.views]
RPCS = [rpc for one in DECLARED for rpc in one.policies.rpcs]

by_caller = pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name.replace(" ", "-"))


@pytest.fixture(scope="module")
def every_call(shut_world: World) -> dict[str, str]:
    return calls(shut_world.db, SCHEMAS)


@by_caller
@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_table(world: World, caller: Caller, name: str) -> None:
    findings = try_table(world, world.sessions[caller.name], world.objects[name])
    assert not findings, report(findings)


@by_caller
@pytest.mark.parametrize("rpc", RPCS)
def test_rpc(world: World, caller: Caller, rpc: str, every_call: dict[str, str]) -> None:
    things = [thing for thing in world.of_kind("rpc") if thing.name == rpc]
    findings = list(try_routines(world, world.sessions[caller.name], things, every_call))
    assert not findings, report(findings)


@by_caller
@pytest.mark.parametrize("schema", SCHEMAS)
def test_functions(world: World, caller: Caller, schema: str, every_call: dict[str, str]) -> None:
    things = [thing for thing in world.of_kind("function") if thing.schema == schema]
    findings = list(try_routines(world, world.sessions[caller.name], things, every_call))
    assert not findings, report(findings)


@by_caller
def test_sequences(world: World, caller: Caller) -> None:
    findings = [
        finding
        for thing in world.of_kind("sequence")
        for finding in try_sequence(world, world.sessions[caller.name], thing)
    ]
    assert not findings, report(findings)


def test_no_object_of_the_catalog_is_left_out(shut_world: World, every_call: dict[str, str]) -> None:
    """Asked of the catalog in other words than the matrix asks."""
    relations = shut_world.db.rows(
        "select c.oid::regclass::text as name, c.relkind as kind from pg_class as c "
        "where c.relnamespace = any (%s::regnamespace[]) and c.relkind not in ('i', 'I', 'c', 't') "
        "and not c.relispartition",
        SCHEMAS,
    )
    named = {kind: {row["name"] for row in relations if row["kind"] in kind} for kind in ("rpf", "vm", "S")}
    assert named["rpf"] == set(TABLES)
    assert named["vm"] == set(VIEWS)
    assert named["S"] == {thing.title for thing in shut_world.of_kind("sequence")}
    assert sum(map(len, named.values())) == len(relations)
    assert set(every_call) == {thing.title for thing in shut_world.of_kind("rpc", "function")}
    assert {thing.name for thing in shut_world.of_kind("rpc")} == set(RPCS)
    assert {thing.title for thing in shut_world.of_kind("schema")} == set(SCHEMAS)


def test_the_seed_gives_both_walkers_a_row_in_each_of_peoples_tables(shut_world: World) -> None:
    tables = [thing for thing in shut_world.of_kind("table") if thing.schema in SHIPPED]
    people = [thing.title for thing in tables if "user_id" in thing.columns]
    assert len(people) >= 7
    for name in people:
        rows = shut_world.db.value(f"select count(distinct user_id) from {name}")
        assert rows == 2, name
    empty = [thing.title for thing in tables if not shut_world.content(thing.title)]
    assert empty == []
