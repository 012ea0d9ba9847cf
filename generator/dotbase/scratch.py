"""A scratch database: freshly built from the templates on a local cluster of its own, dropped afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import sql

from dotbase import cluster
from dotbase.catalog.rows import Holder, holders
from dotbase.catalog.server import databases
from dotbase.cluster import roles
from dotbase.connection import connect
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement
from dotbase.migrate.losses import Gone
from dotbase.migrate.migration import migrate
from dotbase.migrate.report import Silent
from dotbase.migrate.run import Run
from dotbase.options import GlobalOptions
from dotbase.render.assembly import render_steps
from dotbase.render.bootstrap import declared_roles
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from dotbase.verify.declarations import verify

Connection = psycopg.Connection[Any]
Result = TypeVar("Result")
PREFIX = "dotbase_scratch_"


@contextmanager
def scratch_database(
    options: GlobalOptions,
    steps: Sequence[Step],
    variables: Variables,
    verify: Callable[[Connection], None] = lambda connection: None,
) -> Iterator[Connection]:
    """A superuser's connection, in autocommit, to a database in which every step has been applied.

    It is there to be looked at: what plpgsql_check has against a routine is for whoever looks.

    It is on this checkout's machine, whatever server the options name: nobody else's server gets
    databases that it did not ask for. The cluster is started when it does not run.
    """
    with _migrated(options, steps, variables, verify, reads_bodies=False) as (connection, _):
        yield connection


@dataclass(frozen=True)
class Trial(Generic[Result]):
    """What a trial on a scratch database came to.

    read: what was read from it; None where there could be none.
    gone: what the pending versions took of what the others had made.
    note: why there was none.
    """

    read: Result | None
    gone: Gone
    note: str | None = None


class _Pending(Silent):
    """Reads what holds rows when the first pending version begins."""

    def __init__(self, connection: Connection, pending: Sequence[Step]) -> None:
        self._connection = connection
        self._key = pending[0].key if pending else None
        self.first: dict[int, Holder] = {}

    def step(self, label: str) -> None:
        """A piece of work begins."""
        if label == self._key:
            self.first = holders(self._connection)


def build_afresh(
    options: GlobalOptions,
    project: Project,
    variables: Variables,
    steps: Sequence[Step],
    read: Callable[[Connection], Result],
    pending: Sequence[Step] = (),
) -> Trial[Result]:
    """Refuse what no fresh database can be built from; what is read from one, or why there is none."""
    try:
        cluster.start(options.cluster, options.project)
    except DotbaseError as error:
        note = f"it is not tried beforehand, for want of a local server: {error.what}."
        return Trial(None, Gone.between({}, {}, {}), note)
    if variables.master_key_file:
        variables = replace(variables, master_key_file=None)  # a scratch database has no secrets
        steps = render_steps(project, variables)
    with _migrated(options, steps, variables, lambda inside: verify(inside, project, variables), pending) as (
        connection,
        first,
    ):
        return Trial(read(connection), Gone.between(first, holders(connection), {}))


@contextmanager
def _migrated(
    options: GlobalOptions,
    steps: Sequence[Step],
    variables: Variables,
    verify: Callable[[Connection], None],
    pending: Sequence[Step] = (),
    *,
    reads_bodies: bool = True,
) -> Iterator[tuple[Connection, dict[int, Holder]]]:
    """A database with all steps, and what held rows in it before the first pending version."""
    with empty_database(options, steps, variables) as url, connect(url) as connection:
        confinement.trust(connection)
        report = _Pending(connection, pending)
        run = Run(
            connection,
            steps,
            variables.target,
            variables.clock,
            variables.owner,
            verify=verify,
            report=report,
            reads_bodies=reads_bodies,
        )
        migrate(run)
        yield connection, report.first


@contextmanager
def empty_database(options: GlobalOptions, steps: Sequence[Step], variables: Variables) -> Iterator[str]:
    """The URL of a database without anything of ours; for Supabase, with a shape of what it brings.

    steps: those that it is for. Roles are as their bootstrap declares them, whatever was built here before.
    """
    # Beside the cluster where schedules may be live: while pg_cron's launcher has a task under way, and the
    # watcher nearly always is, no database of its cluster can be dropped.
    server = cluster.scratch(options.cluster)
    cluster.start(server, options.project)
    name = f"{PREFIX}{secrets.token_hex(6)}"
    with connect(cluster.local_url(server, "postgres", root=options.project)) as maintenance:
        maintenance.execute("set search_path = pg_catalog, pg_temp")
        maintenance.execute("set default_transaction_read_only = off")
        shape = ""
        if variables.target == "supabase":
            shape = resources.files("dotbase.cluster").joinpath("supabase.sql").read_text()
        with _one_at_a_time(maintenance):
            in_use = _drop_leftovers(maintenance)
            bootstraps = [step for step in steps if step.kind == "bootstrap"]
            declared = declared_roles(shape + "".join(step.sql for step in bootstraps))
            limits = [limit for step in bootstraps for limit in step.limits]
            roles.reset(maintenance, declared, limits, PREFIX, alone=not in_use)
            # The lock on its name says that a database is in use; it dies with this session.
            maintenance.execute("select pg_advisory_lock(hashtext(%s))", [name])
            maintenance.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            url = cluster.local_url(server, name, root=options.project)
            if shape:
                with connect(url) as connection:
                    connection.execute(shape.encode())
            yield url
        finally:
            _drop(maintenance, name)


@contextmanager
def _one_at_a_time(maintenance: Connection) -> Iterator[None]:
    """Nobody else begins a scratch database meanwhile."""
    maintenance.execute("select pg_advisory_lock(hashtext(%s))", [PREFIX])
    try:
        yield
    finally:
        maintenance.execute("select pg_advisory_unlock(hashtext(%s))", [PREFIX])


def _drop_leftovers(maintenance: Connection) -> int:
    """Drop the databases of runs that were killed; how many are in use."""
    in_use = 0
    for name in databases(maintenance):
        if not name.startswith(PREFIX):
            continue
        free = maintenance.execute("select pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
        if free == (True,):
            _drop(maintenance, name)
            maintenance.execute("select pg_advisory_unlock(hashtext(%s))", [name])
        else:
            in_use += 1
    return in_use


def _drop(maintenance: Connection, name: str) -> None:
    maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
