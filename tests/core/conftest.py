"""Fixtures of the core's tests: a small app of their own, and a database with a master key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dotbase.render.steps import Step
from tests.harness.clones import Clones
from tests.harness.databases import Database
from tests.harness.server import ROOT
from tests.harness.target import OWNER

SHOP = (Path(__file__).parent / "shop.sql").read_text()


def with_shop(database: Database) -> Database:
    """The database with the tests' own app in it, made by the owner."""
    with database.owner.transaction():
        database.owner.execute(f"set local role {OWNER}".encode())
        database.owner.execute(SHOP.encode())
    database.reload()
    return database


@pytest.fixture(scope="module")
def shop(module_db: Database) -> Database:
    """A database with the app `shop`, shared by the tests of a module."""
    return with_shop(module_db)


@pytest.fixture
def own_shop(db: Database) -> Database:
    """A database with the app `shop`, for one test that changes it."""
    return with_shop(db)


def rendered(clock: str = "movable", master_key_file: Path | None = None) -> dict[str, Step]:
    """The checkout's steps for a plain Postgres, by key."""
    from dotbase.render.assembly import render_steps
    from dotbase.render.project import Project
    from dotbase.render.templates import Variables

    variables = Variables(target="postgres", clock=clock, master_key_file=master_key_file)
    return {step.key: step for step in render_steps(Project(ROOT), variables)}


class MasterKey:
    """A master key in a file that the server alone writes, beside its data directory."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.path = Path(database.value("show data_directory")).parent / name

    def put(self, key: str) -> None:
        """Make this the key."""
        self._database.owner.execute(f"copy (select '{key}') to '{self.path}'".encode())

    def remove(self) -> None:
        """Lose the file."""
        self.path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def keyed_db(clones: Clones) -> Iterator[Database]:
    """A database that was migrated with a master key."""
    yield from _keyed(clones)


def _keyed(clones: Clones) -> Iterator[Database]:
    database = clones.make()
    key = MasterKey(database, f"tests-{os.getpid()}.key")
    key.put("the first master key")
    bootstrap = rendered(master_key_file=key.path)["schema/core/bootstrap.sql"]
    database.owner.execute(bootstrap.sql.encode())
    yield database
    key.remove()
    clones.drop(database)


@pytest.fixture
def master_key(keyed_db: Database) -> Iterator[MasterKey]:
    """The key of `keyed_db`, put back after the test."""
    key = MasterKey(keyed_db, f"tests-{os.getpid()}.key")
    yield key
    key.put("the first master key")
