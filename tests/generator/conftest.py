"""An empty database for a test of the generator."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from dotbase.lint import Section
from dotbase.lint import sql as sql_lint
from tests.generator.rig import Rig
from tests.harness.clones import PREFIX
from tests.harness.server import Server


@contextmanager
def new_database(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[Rig]:
    """A database that nobody has touched, dropped afterwards."""
    # A clone's name, though it is none: what a killed run leaves is dropped by the next.
    name = f"{PREFIX}{maintenance.info.backend_pid}_{secrets.token_hex(6)}"
    maintenance.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield Rig(server, name)
    maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def emptied(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[Rig]:
    """A database that this worker's tests use one after the other: making one costs a checkpoint."""
    with new_database(server, maintenance) as rig:
        yield rig


@pytest.fixture
def rig(emptied: Rig) -> Rig:
    """A database without schemas; roles and extensions are there when a test before has made them."""
    emptied.empty()
    return emptied


@pytest.fixture
def new_rig(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[Rig]:
    """A database that nobody has touched."""
    with new_database(server, maintenance) as rig:
        yield rig


@pytest.fixture
def migrator(rig: Rig) -> Iterator[str]:
    """A role of its own that is a member of the owner, and no superuser."""
    rig.migrate()
    with rig.connect() as connection:
        connection.execute("select pg_advisory_lock(hashtext('dotbase_migrator'))")
        if not connection.execute("select from pg_roles where rolname = 'dotbase_migrator'").rowcount:
            connection.execute("create role dotbase_migrator login")
        connection.execute("grant dotbase_owner to dotbase_migrator")
        yield "dotbase_migrator"
        connection.execute("grant dotbase_owner to dotbase_migrator")


@pytest.fixture
def without_style(monkeypatch: pytest.MonkeyPatch) -> None:
    """sqlfluff, which takes longest, finds nothing: for tests of the other linters."""
    monkeypatch.setattr(sql_lint, "style", lambda *_: Section("sqlfluff", "nothing"))
