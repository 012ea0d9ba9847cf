"""A week of LuckyWalk lived through, and everybody's sessions on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.access.callers import ONE, TWO
from tests.access.world import World, world_of
from tests.harness.databases import Database
from tests.harness.people import admin
from tests.harness.server import Server
from tests.harness.supabase import passing_role
from tests.jobs.bad_days import live_through_bad_days
from tests.luckywalk.weeks import LOSING, WEEK, WINNING, buy, draw_week, open_week, settle_week, walk

OPEN = "grant usage on schema {} to public"
SHUT = "revoke usage on schema {} from public"


@pytest.fixture(scope="session")
def stranger(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[str]:
    """How a plain login connects that nobody has granted anything: a role of this process."""
    role, password = passing_role("stranger"), secrets.token_hex(12)
    name = sql.Identifier(role)
    maintenance.execute(sql.SQL("create role {} login password {}").format(name, sql.Literal(password)))
    yield make_conninfo(server.conninfo("postgres"), host="127.0.0.1", user=role, password=password)
    maintenance.execute(sql.SQL("drop role {}").format(name))


@pytest.fixture(scope="module")
def lived(module_db: Database) -> Database:
    """Two walkers have lived through a settled week, and one whose numbers were corrected after the draw."""
    for person, name in ((ONE, "one"), (TWO, "two")):
        assert module_db.call(person, "save_walker_profile", nickname=name).ok
    open_week(module_db)
    for person in (ONE, TWO):
        buy(module_db, person, WINNING, LOSING)
    draw_week(module_db)
    settle_week(module_db)
    later = open_week(module_db, WEEK.next)
    for person in (ONE, TWO):
        buy(module_db, person, WINNING)
    draw_week(module_db, later)
    corrected = module_db.call(
        admin, "correct_draw_result", round_no=later.round_no, numbers=LOSING, reason="Read wrongly."
    )
    assert corrected.ok, corrected.body
    walk(module_db, ONE, 3000)
    assert module_db.call(admin, "set_setting", name="luckywalk.tier3_prize", value=60).ok
    live_through_bad_days(module_db)
    module_db.owner.execute("insert into core.secrets values ('key', '\\x00', core.now())")
    return module_db


@pytest.fixture(scope="module")
def shut_world(lived: Database, stranger: str) -> Iterator[World]:
    """The database as it was migrated."""
    with world_of(lived, stranger) as world:
        world.keep([thing.title for thing in world.of_kind("table")])
        yield world


@pytest.fixture(scope="module")
def empty_world(module_db: Database, stranger: str) -> Iterator[World]:
    """The database as it was migrated, without a row of anybody."""
    with world_of(module_db, stranger) as world:
        yield world


@pytest.fixture(scope="module", params=["as it is", "schemas opened"])
def world(shut_world: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """The database as it was migrated, then with every schema opened to everybody.

    Behind an opened schema each table and function has to stand for itself.
    """
    opened = request.param != "as it is"
    schemas = [thing.title for thing in shut_world.of_kind("schema")]
    for schema in schemas if opened else ():
        shut_world.db.owner.execute(OPEN.format(schema).encode())
    yield shut_world
    for schema in schemas if opened else ():
        shut_world.db.owner.execute(SHUT.format(schema).encode())
