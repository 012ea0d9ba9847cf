"""The reference, built once a session, and a database that changes are made to and taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from dotbase import drift
from dotbase.drift import reference as references
from dotbase.drift.compare import Difference
from dotbase.drift.reference import Reference
from dotbase.migrate import confinement
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.generator.conftest import new_database
from tests.harness import templates
from tests.harness.databases import Database
from tests.harness.server import ROOT, Server
from tests.harness.target import variables

# The harness's own, and the history: the tests' template is the rendered SQL alone.
IGNORED = ("coverage_of_tests", "dotbase")
Find = Callable[[psycopg.Connection[Any]], list[Difference]]


@pytest.fixture(scope="session")
def reference(server: Server, maintenance: psycopg.Connection[Any]) -> Reference:
    """What the checkout's templates come to, applied in order."""
    rendered = variables_of(server)
    scope = drift.scope_of(Project(ROOT), rendered, IGNORED)
    with new_database(server, maintenance) as rig, rig.connect() as connection:
        confinement.trust(connection)
        references.apply_steps(connection, templates.steps(server), rendered)
        return references.read_reference(connection, rendered, scope)


@pytest.fixture(scope="session")
def find(server: Server, reference: Reference) -> Find:
    """Finds the drift of the database of a connection, inside of its transaction; not of what initdb made."""
    return finder(server, replace(reference, scope=replace(reference.scope, built_in=False)))


@pytest.fixture(scope="session")
def find_everywhere(server: Server, reference: Reference) -> Find:
    """The same with what initdb made, whose reading takes longer than all the rest."""
    return finder(server, reference)


def finder(server: Server, reference: Reference) -> Find:
    steps, rendered = templates.steps(server), variables_of(server)

    def find(connection: psycopg.Connection[Any]) -> list[Difference]:
        found, notes = drift.find(connection, reference, Project(ROOT), rendered, steps)
        assert notes == []
        return found

    return find


@pytest.fixture(scope="module")
def session(server: Server, module_db: Database) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session in the module's database."""
    with server.connect(module_db.name) as connection:
        as_migrated(connection)
        yield connection


def as_migrated(connection: psycopg.Connection[Any]) -> None:
    """Take away what the harness itself sets in a clone."""
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("alter database {} reset plpgsql_check.profiler").format(database))


@pytest.fixture
def by_hand(session: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """The same, in a transaction that is undone."""
    with session.transaction(force_rollback=True):
        yield session


def variables_of(server: Server) -> Variables:
    """How the tests' template is rendered."""
    return variables(server.master_key_file)
