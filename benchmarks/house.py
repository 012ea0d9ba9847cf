"""The database that is measured: freshly migrated, with the real clock, on the cluster `bench-scratch`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from dotbase import cluster
from dotbase.connection import connect
from dotbase.options import GlobalOptions
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.scratch import scratch_database

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = cluster.scratch("bench")
Connection = psycopg.Connection[Any]


class House:
    """The measured database: its sessions, and the time that a statement takes in one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.owner = self.session()

    def session(self) -> Connection:
        """A new session of the owner of everything, in autocommit."""
        url = cluster.local_url(CLUSTER, self.name, root=ROOT)
        connection = connect(url, application_name="dotbase benchmarks")
        connection.execute("set role dotbase_owner")
        return connection

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row."""
        row = self.owner.execute(query.encode(), parameters or None).fetchone()
        return None if row is None else row[0]

    def seconds(self, *statements: str) -> float:
        """How long these statements take, one commit each."""
        started = time.perf_counter()
        for statement in statements:
            self.owner.execute(statement.encode())
        return time.perf_counter() - started

    def settle_down(self) -> None:
        """A checkpoint, so that what was loaded is not written out during a measurement."""
        self.owner.execute("reset role")
        self.owner.execute("checkpoint")
        self.owner.execute("set role dotbase_owner")


@contextmanager
def opened() -> Iterator[House]:
    """A house for the time of a measurement; dropped afterwards, and its server stopped."""
    was_running = cluster.start(CLUSTER, ROOT).was_running
    try:
        with _migrated() as house:
            yield house
    finally:
        if not was_running:
            cluster.stop(CLUSTER, ROOT)


@contextmanager
def _migrated() -> Iterator[House]:
    options = GlobalOptions(project=ROOT, database_url=None, cluster=CLUSTER)
    variables = Variables(target="postgres", clock="real")
    steps = render_steps(Project(ROOT), variables)
    with scratch_database(options, steps, variables) as connection:
        connection.execute("create schema floor authorization dotbase_owner")
        house = House(connection.info.dbname)
        try:
            yield house
        finally:
            house.owner.close()
