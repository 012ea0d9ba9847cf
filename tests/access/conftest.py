"""A week of LuckyWalk filled through, and everybody's sessions on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.access.live_matrix import LiveMatrix, live_matrix
from tests.harness import apps
from tests.harness.databases import Database
from tests.harness.server import Server
from tests.harness.supabase import passing_role

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
def filled(module_db: Database) -> Database:
    """Rows of every app: each walker has one in each of people's tables."""
    apps.fill(module_db)
    return module_db


@pytest.fixture(scope="module")
def live_shut(filled: Database, stranger: str) -> Iterator[LiveMatrix]:
    """The database as it was migrated."""
    with live_matrix(filled, stranger) as live:
        live.keep([thing.title for thing in live.of_kind("table")])
        yield live


@pytest.fixture(scope="module")
def live_empty(module_db: Database, stranger: str) -> Iterator[LiveMatrix]:
    """The database as it was migrated, without a row of anybody."""
    with live_matrix(module_db, stranger) as live:
        yield live


@pytest.fixture(scope="module", params=["as it is", "schemas opened"])
def live(live_shut: LiveMatrix, request: pytest.FixtureRequest) -> Iterator[LiveMatrix]:
    """The database as it was migrated, then with every schema opened to everybody.

    Behind an opened schema each table and function has to stand for itself.
    """
    opened = request.param != "as it is"
    schemas = [thing.title for thing in live_shut.of_kind("schema")]
    for schema in schemas if opened else ():
        live_shut.db.owner.execute(OPEN.format(schema).encode())
    yield live_shut
    for schema in schemas if opened else ():
        live_shut.db.owner.execute(SHUT.format(schema).encode())
