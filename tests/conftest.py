"""Fixtures of all tests: the server, the template, and a database for each test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pytest_postgresql import factories

from tests.harness import bouncer, kill, templates
from tests.harness import server as servers
from tests.harness.bouncer import Bouncer
from tests.harness.clones import Clone, Clones, unchanged
from tests.harness.databases import Database
from tests.harness.findings import FINDINGS
from tests.harness.kill import Torture
from tests.harness.server import Server
from tests.harness.target import LACKING, SUPERUSER, missing

pytest_plugins = ["tests.harness.plugin"]


@pytest.fixture(scope="session")
def server() -> Server:
    """The cluster that tests share."""
    server = servers.start()
    if Bouncer.on:
        bouncer.before(server)
    return server


@pytest.fixture(scope="session")
def pg_cron() -> None:
    """Whoever asks for this is skipped on a server without pg_cron."""
    if "pg_cron" in LACKING:
        pytest.skip(missing("pg_cron"))


@pytest.fixture(scope="session")
def plpgsql_check() -> None:
    """Whoever asks for this is skipped on a server without plpgsql_check."""
    if "plpgsql_check" in LACKING:
        pytest.skip(missing("plpgsql_check"))


@pytest.fixture(scope="session")
def maintenance(server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection outside of all test databases."""
    with server.connect("postgres", user=SUPERUSER) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(server: Server, maintenance: psycopg.Connection[Any]) -> str:
    """The name of the template database, which nobody may connect to."""
    return templates.ensure(server, maintenance, templates.steps(server))


@pytest.fixture(scope="session")
def clones(
    server: Server, maintenance: psycopg.Connection[Any], template: str, request: pytest.FixtureRequest
) -> Iterator[Clones]:
    """Makes and drops this worker's databases."""
    clones = Clones(server, maintenance, template)
    yield clones
    findings = request.config.stash[FINDINGS]
    findings.coverage.merge(templates.covered_by_building(maintenance, template))
    findings.coverage.merge(clones.covered)
    findings.statements |= clones.statements
    findings.clones += clones.made
    findings.clone_seconds += clones.seconds


@pytest.fixture
def clone(clones: Clones) -> Iterator[Clone]:
    """The place and template of this test's own database, for pytest-postgresql."""
    started = time.perf_counter()
    clone = clones.next()
    yield clone
    clones.seconds += time.perf_counter() - started - clone.used


# Made and dropped by pytest-postgresql: a superuser's connection to a database of this test's own.
postgresql = factories.postgresql("clone")


@pytest.fixture
def db(clones: Clones, clone: Clone, postgresql: psycopg.Connection[Any]) -> Iterator[Database]:
    """A database of this test's own, with everything migrated."""
    database = clones.equip(clone.dbname, postgresql)
    started = time.perf_counter()
    yield database
    clone.used = time.perf_counter() - started
    unchanged(clones.leave(database))


@pytest.fixture(scope="module")
def module_db(clones: Clones) -> Iterator[Database]:
    """A database that the tests of a module share: for tests that only look."""
    database = clones.make()
    yield database
    clones.drop(database)


@pytest.fixture
def torture(kill_seed: int, request: pytest.FixtureRequest) -> Iterator[Torture]:
    """A clone in the cluster `torture`, to kill things in at the instants of this seed."""
    request.config.stash[FINDINGS].kill_seeds.append(kill_seed)
    with kill.torture(kill_seed) as torture:
        yield torture
