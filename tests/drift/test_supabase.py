"""On a database shaped like Supabase's: what is ours is compared, what is others' never told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from dotbase.drift import roles
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.generator.small import Said, dotbase
from tests.harness.server import ROOT, one_process
from tests.supabase import platform
from tests.supabase.platform import SupabaseDatabase

ADMIN = "supabase_admin"
IDLE = "idle_in_transaction_session_timeout"
IDLE = "idle_in_transaction_session_timeout"
OTHERS = """
create table public.photos (photo_id int primary key);
grant all on public.photos to anon;
alter table auth.users add column phone text;
create function auth.hook() returns void language sql as 'select';
create function extensions.theirs() returns integer language sql return 1;
create policy everybody on auth.users for select to anon using (true);
create publication supabase_realtime for table public.photos;
alter default privileges for role postgres in schema public grant all on sequences to anon;
create schema storage;
create extension citext with schema extensions;
"""
OURS = """
set role postgres;
alter table luckywalk.rounds disable row level security;
grant select on luckywalk.tickets to anon;
alter function core.require_user() volatile;
reset role;
create table luckywalk.theirs (x int);
alter table ledger.balances owner to supabase_admin;
alter publication supabase_realtime add table ledger.transfers;
"""


@pytest.fixture(scope="module")
def database() -> Iterator[SupabaseDatabase]:
    with one_process("supabase"):
        server = platform.cluster()
    database = platform.create(server, f"drift_{os.getpid()}")
    platform.dotbase(database, "migrate", "--target", "supabase", "--clock", "movable")
    yield database
    platform.drop(database)


def run(database: SupabaseDatabase, *arguments: str) -> Said:
    return dotbase(ROOT, "--database-url", database.server.conninfo(database.name), "drift", *arguments)


def as_admin(database: SupabaseDatabase, statements: str) -> None:
    with database.server.connect(database.name, user=ADMIN) as admin:
        admin.execute(statements.encode())


def test_what_others_have_and_do_is_no_drift_and_what_is_done_to_ours_is(database: SupabaseDatabase) -> None:
    as_admin(database, OTHERS)
    said = run(database)
    assert (said.code, said.err) == (0, ""), said.out
    as_admin(database, OURS)
    said = run(database, "--json")
    assert said.code == 3
    found: list[dict[str, Any]] = json.loads(said.out)["drift"]
    assert [(one["app"], one["kind"], one["object"], one["aspect"]) for one in found] == [
        ("core", "function", "core.require_user()", "volatility"),
        ("ledger", "published table", "ledger.transfers in supabase_realtime", None),
        ("ledger", "table", "ledger.balances", "owner"),
        ("luckywalk", "table", "luckywalk.rounds", "row-level security"),
        ("luckywalk", "table", "luckywalk.theirs", None),
        ("luckywalk", "table", "luckywalk.tickets", "grant to anon"),
    ]
    as_admin(database, "".join(f"{statement};" for one in found for statement in one["fix"]))
    assert [one["object"] for one in json.loads(run(database, "--json").out)["drift"]] == ["luckywalk.theirs"]


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        # The platform's own, and what its user makes of them.
        ("alter role authenticated set statement_timeout = '60s'", []),
        ("alter role anon set lock_timeout = '9s'", []),
        ("alter role anon reset statement_timeout", []),
        # A limit that nobody has; PostgREST's login has a longer one, or none.
        ("alter role anon reset lock_timeout", ["lock_timeout"]),
        ("alter role anon reset lock_timeout; alter role authenticator set lock_timeout = '1500'", []),
        (f"alter role anon reset {IDLE}", [IDLE]),
        (
            "alter role anon reset statement_timeout; alter role authenticator reset statement_timeout",
            ["statement_timeout", "statement_timeout"],
        ),
    ],
)
def test_a_limit_that_no_client_has_any_more_is_drift(
    database: SupabaseDatabase, statements: str, told: list[str]
) -> None:
    """Fault 17. Looked at within the transaction, since settings of roles are the whole cluster's."""
    rendered = Variables(target="supabase", clock="movable")
    with (
        database.server.connect(database.name, user=ADMIN) as connection,
        connection.transaction(force_rollback=True),
    ):
        connection.execute(statements.encode())
        declared, live = roles.limits_beside_others(connection, render_steps(Project(ROOT), rendered))
    found = {item.name: item.facts for item in live}
    assert {item.name for item in declared} == {"anon", "authenticated", "service_role"}
    missing = [
        aspect.removeprefix("setting ")
        for item in declared
        for aspect in item.facts
        if aspect not in found[item.name]
    ]
    assert missing == told
