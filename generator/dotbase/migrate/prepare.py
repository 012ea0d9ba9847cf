"""From command-line options to a run: project, connection, and variables that stick to the database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import psycopg

from dotbase import cluster
from dotbase.connection import close_path, connect, one_sentence, resolve_url
from dotbase.migrate import checkout, history
from dotbase.migrate.history import Release
from dotbase.migrate.lock import LockOptions
from dotbase.migrate.report import Report, Silent
from dotbase.migrate.session import Connection, Run
from dotbase.options import GlobalOptions
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Target, Variables
from dotbase.verify.declarations import verify


@dataclass(frozen=True)
class RunOptions:
    """What the command line says of a run; None is what the database already has."""

    target: str | None = None
    clock: str | None = None
    master_key_file: str | None = None
    lock_options: LockOptions = field(default_factory=LockOptions)


@contextmanager
def opened(
    options: GlobalOptions, run_options: RunOptions, report: Report | None = None
) -> Iterator[tuple[Run, Project, Variables]]:
    """A run of this project on the database that the options name."""
    project = Project.find(options.project)
    with one_sentence(), connect(resolve_url(options), application_name="dotbase migrate") as connection:
        connection.add_notice_handler(_warnings(report or Silent()))
        variables = decide(connection, options, run_options)
        yield (
            Run(
                connection,
                render_steps(project, variables),
                target=variables.target,
                clock=variables.clock,
                owner=variables.owner,
                master_key_file=str(variables.master_key_file) if variables.master_key_file else None,
                project_commit=checkout.commit(project.root),
                verify=lambda inside: verify(inside, project, variables),
                report=report or Silent(),
                lock_options=run_options.lock_options,
            ),
            project,
            variables,
        )


def decide(connection: Connection, options: GlobalOptions, run_options: RunOptions) -> Variables:
    """Variables: as the command line says, else as the database was migrated, else for a new one."""
    with connection.transaction():
        close_path(connection)
        recorded = history.newest(connection)
        target = run_options.target or (recorded.target if recorded else _guess(connection))
    return Variables(
        target=cast(Target, target),
        clock=run_options.clock or (recorded.clock if recorded else "real"),
        master_key_file=_master_key_file(options, run_options, recorded) if target == "postgres" else None,
    )


def _master_key_file(options: GlobalOptions, run_options: RunOptions, recorded: Release | None) -> str | None:
    if run_options.master_key_file:
        return run_options.master_key_file
    if recorded is not None and recorded.master_key_file:
        return recorded.master_key_file
    if options.database_url or os.environ.get("DATABASE_URL"):
        return None
    return str(cluster.master_key_file(options.cluster, options.project))


def _guess(connection: Connection) -> str:
    """Supabase brings auth.uid() before anything is migrated."""
    row = connection.execute("select pg_catalog.to_regprocedure('auth.uid()') is not null").fetchone()
    return "supabase" if row == (True,) else "postgres"


def _warnings(report: Report) -> Callable[[psycopg.errors.Diagnostic], None]:
    def tell(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            report.say(f"Warning: {diagnostic.message_primary}")

    return tell
