"""A scratch database: freshly built from the templates on a local cluster of its own, dropped afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from dotbase import cluster
from dotbase.catalog.server import databases
from dotbase.connection import connect
from dotbase.errors import DotbaseError
from dotbase.migrate.migration import migrate
from dotbase.migrate.run import Run
from dotbase.options import GlobalOptions
from dotbase.render.assembly import render_steps
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

    It is on this checkout's machine, whatever server the options name: nobody else's server gets
    databases that it did not ask for. The cluster is started when it does not run.
    """
    with empty_database(options, variables) as url, connect(url) as connection:
        build(connection, steps, variables, verify)
        yield connection


def build_afresh(
    options: GlobalOptions,
    project: Project,
    variables: Variables,
    steps: Sequence[Step],
    read: Callable[[Connection], Result],
) -> tuple[Result | None, str | None]:
    """Refuse what no fresh database can be built from; what is read from one, or why there is none."""
    try:
        cluster.start(options.cluster, options.project)
    except DotbaseError as error:
        return None, f"it is not tried beforehand, for want of a local server: {error.what}."
    if variables.master_key_file:
        variables = replace(variables, master_key_file=None)  # a scratch database has no secrets
        steps = render_steps(project, variables)
    with scratch_database(
        options, steps, variables, lambda connection: verify(connection, project, variables)
    ) as connection:
        return read(connection), None


@contextmanager
def empty_database(options: GlobalOptions, variables: Variables) -> Iterator[str]:
    """The URL of a database without anything of ours; for Supabase, with a shape of what it brings."""
    # Beside the cluster where schedules may be live: while pg_cron's launcher has a task under way, and the
    # watcher nearly always is, no database of its cluster can be dropped.
    server = cluster.scratch(options.cluster)
    cluster.start(server, options.project)
    name = f"{PREFIX}{secrets.token_hex(6)}"
    with connect(cluster.local_url(server, "postgres", root=options.project)) as maintenance:
        maintenance.execute("set search_path = pg_catalog, pg_temp")
        _drop_leftovers(maintenance)
        # The lock on its name says that a database is in use; it dies with this session.
        maintenance.execute("select pg_advisory_lock(hashtext(%s))", [name])
        maintenance.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            url = cluster.local_url(server, name, root=options.project)
            if variables.target == "supabase":
                with connect(url) as connection:
                    shape = resources.files("dotbase.cluster").joinpath("supabase.sql").read_text()
                    connection.execute(shape.encode())
            yield url
        finally:
            _drop(maintenance, name)


def build(
    connection: Connection,
    steps: Sequence[Step],
    variables: Variables,
    verify: Callable[[Connection], None],
) -> None:
    """Migrate an empty database, as a real one is migrated."""
    migrate(Run(connection, steps, variables.target, variables.clock, variables.owner, verify=verify))


def _drop_leftovers(maintenance: Connection) -> None:
    """Databases of runs that were killed."""
    for name in databases(maintenance):
        if not name.startswith(PREFIX):
            continue
        free = maintenance.execute("select pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
        if free == (True,):
            _drop(maintenance, name)
            maintenance.execute("select pg_advisory_unlock(hashtext(%s))", [name])


def _drop(maintenance: Connection, name: str) -> None:
    maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
