"""A run: what a migration or rollback works with, and how it is opened from the command line's options."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import psycopg
from psycopg import sql

from dotbase import cluster
from dotbase.catalog import server as servers
from dotbase.connection import close_path, connect, one_sentence, pin, resolve_url
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement, history, statements
from dotbase.migrate.history import Release
from dotbase.migrate.locks import LockOptions
from dotbase.migrate.report import Report, Silent
from dotbase.options import GlobalOptions
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import CLOCKS, TARGETS, Target, Variables
from dotbase.verify.declarations import verify

Connection = psycopg.Connection[Any]
# What PostgREST reads anew: its functions and tables, and the settings of roles.
TELL_POSTGREST = ("notify pgrst, 'reload schema'", "notify pgrst, 'reload config'")


@dataclass
class Run:
    """What a migration or rollback works with.

    connection:   in autocommit mode, of the role that migrates.
    verify:       compares the declarations with the catalog, before anything is committed.
    reads_bodies: plpgsql_check has a say; not where a database is made to be looked at, with its mistakes.
    """

    connection: Connection
    steps: Sequence[Step]
    target: Literal["postgres", "supabase"]
    clock: str
    owner: str
    master_key_file: str | None = None
    project_commit: str | None = None
    verify: Callable[[Connection], None] = lambda connection: None
    report: Report = field(default_factory=Silent)
    lock_options: LockOptions = field(default_factory=LockOptions)
    reads_bodies: bool = True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction with a short lock_timeout and no other limits; roles set in it end with it."""
        with self.connection.transaction():
            close_path(self.connection)
            self._set("set local lock_timeout = {}", f"{int(self.lock_options.lock_timeout * 1000)}ms")
            self._set("set local statement_timeout = {}", "0")
            self._set("set local idle_in_transaction_session_timeout = {}", "0")
            self._set("set local check_function_bodies = {}", "off")
            yield
            if self.connection.execute("show transaction_read_only").fetchone() == ("off",):
                confinement.finish(self.connection)

    def as_owner(self) -> None:
        """Act as the owner until the transaction ends."""
        self.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self.owner)))

    @contextmanager
    def outside_transaction(self, *, waits_alone: bool) -> Iterator[None]:
        """Statements as the owner that are transactions of their own.

        waits_alone: nobody queues behind it, so that it may wait for as long as old snapshots are open.
        """
        self.connection.execute("set search_path = pg_catalog, pg_temp")
        self.connection.execute(sql.SQL("set role {}").format(sql.Identifier(self.owner)))
        limit = 0 if waits_alone else int(self.lock_options.lock_timeout * 1000)
        self._set("set lock_timeout = {}", f"{limit}ms")
        self._set("set statement_timeout = {}", "0")
        try:
            yield
        finally:
            if not self.connection.closed:
                pin(self.connection)

    def record_notice(self) -> None:
        """Where what is done is written down for another server, tell PostgREST there, too."""
        for statement in TELL_POSTGREST:
            statements.record(self.connection, statement)

    def tell_postgrest(self) -> list[str]:
        """Have PostgREST read anew what has changed; a note when it could not be told.

        After the commit: any login can fill the queue of notifications, and a transaction that sends one
        into a full queue fails as it commits.
        """
        if isinstance(self.connection, statements.Recorder):
            return []
        try:
            with self.transaction():
                for statement in TELL_POSTGREST:
                    self.connection.execute(statement.encode())
        except psycopg.Error as error:
            said = (error.diag.message_primary or str(error)).strip().rstrip(".")
            return [
                f"PostgREST could not be told of the change ({said}): restart it, or send it"
                f" `{'; '.join(TELL_POSTGREST)}` later."
            ]
        return []

    def _set(self, statement: str, value: str) -> None:
        self.connection.execute(sql.SQL(statement).format(sql.Literal(value)))


@dataclass(frozen=True)
class RunOptions:
    """What the command line says of a run; None is what the database already has."""

    target: str | None = None
    clock: str | None = None
    master_key_file: str | None = None
    lock_options: LockOptions = field(default_factory=LockOptions)


@contextmanager
def open_run(
    options: GlobalOptions, run_options: RunOptions, report: Report | None = None
) -> Iterator[tuple[Run, Project, Variables]]:
    """A run of this project on the database that the options name."""
    project = Project.find(options.project)
    with one_sentence(), connect(resolve_url(options), application_name="dotbase migrate") as connection:
        connection.add_notice_handler(_tell_warnings(report or Silent()))
        variables = choose_variables(connection, options, run_options)
        yield (
            Run(
                connection,
                render_steps(project, variables),
                target=variables.target,
                clock=variables.clock,
                owner=variables.owner,
                master_key_file=str(variables.master_key_file) if variables.master_key_file else None,
                project_commit=_commit(project.root),
                verify=lambda inside: verify(inside, project, variables),
                report=report or Silent(),
                lock_options=run_options.lock_options,
            ),
            project,
            variables,
        )


def choose_variables(connection: Connection, options: GlobalOptions, run_options: RunOptions) -> Variables:
    """Variables: as the command line says, else as the database was migrated, else for a new one."""
    with connection.transaction():
        close_path(connection)
        recorded = history.last_release_if_readable(connection)
        if recorded is not None:
            _require_own_history(connection, recorded)
        target = run_options.target or (recorded.target if recorded else _detect_target(connection))
        return Variables(
            target=cast(Target, target),
            clock=run_options.clock or (recorded.clock if recorded else "real"),
            master_key_file=_master_key_file(connection, options, run_options)
            if target == "postgres"
            else None,
        )


def _require_own_history(connection: Connection, recorded: Release) -> None:
    """Refuse a target or clock that dotbase would not have recorded here.

    The owner's members can write anything there, and the target says who the owner is: another one would
    have the next migration run their texts as somebody who may more.
    """
    known = recorded.target in TARGETS and recorded.clock in CLOCKS
    owner = Variables(target=cast(Target, recorded.target)).owner
    if not known or history.owner(connection) != owner:
        raise DotbaseError(
            f"the history says that this database is of target {recorded.target}, clock {recorded.clock},"
            " which its owner is not of",
            "find out who wrote that into dotbase.releases",
        )


def _master_key_file(connection: Connection, options: GlobalOptions, run_options: RunOptions) -> str | None:
    """As the command line says, else as the superuser's function has it; never as the history says."""
    if run_options.master_key_file:
        return run_options.master_key_file
    if found := servers.master_key_file(connection):
        return found
    if options.database_url or os.environ.get("DATABASE_URL"):
        return None
    return str(cluster.master_key_file(options.cluster, options.project))


def _detect_target(connection: Connection) -> str:
    """Supabase brings auth.uid() before anything is migrated."""
    row = connection.execute("select pg_catalog.to_regprocedure('auth.uid()') is not null").fetchone()
    return "supabase" if row == (True,) else "postgres"


def _tell_warnings(report: Report) -> Callable[[psycopg.errors.Diagnostic], None]:
    def tell(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            report.say(f"Warning: {diagnostic.message_primary}")

    return tell


def _commit(root: Path) -> str | None:
    """The commit of the project's checkout, with `-dirty` after it; None outside of git."""
    try:
        result = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None
