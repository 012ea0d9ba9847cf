"""What no line can allow: building in schemas, the owner's new objects, partitions, objects elsewhere."""

from __future__ import annotations

import pytest

from tests.access.callers import CALLERS, Caller, Refusal
from tests.access.conftest import OPEN
from tests.access.live_matrix import STATEMENTS, LiveMatrix, report
from tests.access.routines import calls, try_schema
from tests.harness import apps
from tests.harness.figures import count
from tests.harness.target import OWNER, SUPABASE, only_on_postgres

by_caller = pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name.replace(" ", "-"))

OPEN_BY_DEFAULT = "postgres is everybody's there: what migrate makes is closed with it, not by default"
# Each kind of object, made in a schema by the owner after the migration, and how one would use it.
NEWCOMERS = {
    "table": (
        "create table {schema}.newcomer (one integer generated always as identity)",
        (
            "select * from {schema}.newcomer",
            "insert into {schema}.newcomer default values",
            "update {schema}.newcomer set one = default",
            "delete from {schema}.newcomer",
            "truncate {schema}.newcomer",
        ),
    ),
    "partitioned table": (
        "create table {schema}.parted (one integer) partition by list (one);"
        "create table {schema}.part partition of {schema}.parted default",
        ("select * from {schema}.parted", "select * from {schema}.part", "delete from {schema}.part"),
    ),
    "view": ("create view {schema}.glance as select 1 as one", ("select * from {schema}.glance",)),
    "materialized view": (
        "create materialized view {schema}.photo as select 1 as one",
        ("select * from {schema}.photo",),
    ),
    "sequence": (
        "create sequence {schema}.counter",
        (
            "select nextval('{schema}.counter')",
            "select setval('{schema}.counter', 1)",
            "select last_value from {schema}.counter",
        ),
    ),
    "function": (
        "create function {schema}.deed() returns integer language sql security definer return 1",
        ("select {schema}.deed()",),
    ),
    "procedure": (
        "create procedure {schema}.chore() language sql as 'select 1'",
        ("call {schema}.chore()",),
    ),
}
# Brought by the core's templates and by extensions, for clients' policies and for the owner.
FOR_CLIENTS = {"auth.jwt()", "auth.uid()", "auth.role()"}
CLIENTS = ("anon", "authenticated", "administrator", "service_role")


def assert_denied(refusal: Refusal | None, statement: str) -> None:
    count(STATEMENTS)
    assert refusal is not None, f"{statement} went through"
    assert refusal.for_want_of_a_right, f"{statement}: {refusal}"


@pytest.fixture(scope="module")
def made(live_empty: LiveMatrix) -> LiveMatrix:
    """The owner has made one object of each kind in each schema, and every schema stands open."""
    owner = live_empty.db.owner
    for schema in schemas(live_empty):
        owner.execute(f"set role {OWNER}".encode())
        for create, _ in NEWCOMERS.values():
            owner.execute(create.format(schema=schema).encode())
        owner.execute("reset role")
        owner.execute(OPEN.format(schema).encode())
    return live_empty


def schemas(live: LiveMatrix) -> list[str]:
    return [thing.title for thing in live.of_kind("schema")]


@by_caller
def test_schemas_are_open_to_whom_a_line_lets_in_and_nobody_builds_in_them(
    live_empty: LiveMatrix, caller: Caller
) -> None:
    session = live_empty.sessions[caller.name]
    findings = [f for thing in live_empty.of_kind("schema") for f in try_schema(live_empty, session, thing)]
    assert not findings, report(findings)


@only_on_postgres("the platform decides who may make temporary tables, and what its schemas hold")
@by_caller
def test_nobody_makes_a_schema_or_a_temporary_table(live_empty: LiveMatrix, caller: Caller) -> None:
    session = live_empty.sessions[caller.name]
    for statement in (
        "create schema intruder",
        "create temporary table intruder ()",
        "create extension hstore",
        "create table public.intruder ()",
        "create table auth.intruder ()",
        "create function extensions.intruder() returns integer language sql return 1",
        "create table test_clock.intruder ()",
    ):
        assert_denied(session.attempt(statement), statement)


@only_on_postgres("elsewhere others own much")
@by_caller
def test_tables_and_functions_outside_of_the_apps_are_the_owners(
    live_empty: LiveMatrix, caller: Caller
) -> None:
    """Whatever has come into the database beside the apps."""
    session = live_empty.sessions[caller.name]
    relations = live_empty.db.rows(
        "select c.oid::regclass::text as name from pg_class as c "
        "inner join pg_namespace as n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'p', 'v', 'm', 'f') "
        "and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not n.nspname = any (%s)",
        schemas(live_empty),
    )
    assert "test_clock.moved_clock" in [row["name"] for row in relations]
    for row in relations:
        for statement in (f"select from {row['name']}", f"delete from {row['name']}"):
            assert_denied(session.attempt(statement), statement)
    found = calls(live_empty.db, ["auth", "extensions", "master_key", "test_clock", "public"])
    assert set(found) >= FOR_CLIENTS
    for title, call in found.items():
        if title in FOR_CLIENTS and caller.role in CLIENTS:
            assert session.attempt(call) is None
        else:
            assert_denied(session.attempt(call), call)


@by_caller
def test_partitions_are_reached_through_their_parent_alone(live_empty: LiveMatrix, caller: Caller) -> None:
    for said in apps.registered().values():
        for statement in said.later:
            live_empty.db.value(statement)
    partitions = live_empty.db.rows(
        "select c.oid::regclass::text as name, quote_ident(a.attname) as column from pg_class as c "
        "inner join pg_attribute as a on a.attrelid = c.oid and a.attnum = 1 "
        "where c.relispartition and c.relkind = 'r' and c.relname not in ('part')"
    )
    assert len(partitions) >= 6
    session = live_empty.sessions[caller.name]
    for row in partitions:
        for statement in (
            f"select * from {row['name']}",
            f"insert into {row['name']} default values",
            f"update {row['name']} set {row['column']} = default",
            f"delete from {row['name']}",
            f"truncate {row['name']}",
        ):
            assert_denied(session.attempt(statement), statement)


@by_caller
@pytest.mark.parametrize("kind", NEWCOMERS)
def test_what_the_owner_makes_later_is_nobody_elses(made: LiveMatrix, caller: Caller, kind: str) -> None:
    if SUPABASE and kind in ("function", "procedure"):
        pytest.skip(OPEN_BY_DEFAULT)
    session = made.sessions[caller.name]
    for schema in schemas(made):
        for use in NEWCOMERS[kind][1]:
            statement = use.format(schema=schema)
            assert_denied(session.attempt(statement), statement)
