"""One migration at a time, and none that makes the world queue behind it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from dotbase.connection import close_path
from dotbase.errors import DotbaseError
from dotbase.migrate import pooler
from dotbase.migrate.failures import BUSY, RacedError, StepError
from dotbase.migrate.report import Report

Connection = psycopg.Connection[Any]
Result = TypeVar("Result")

# The key of the session lock: 'dotb' 'ase' in ASCII, one for each database.
LOCK = (0x646F7462, 0x617365)
POLL = 0.2  # seconds


@dataclass(frozen=True)
class LockOptions:
    """How long to wait for a lock (seconds), how often to try again, how long to pause at first.

    wait: seconds to wait for another migration: anybody who may connect can hold its lock.
    """

    lock_timeout: float = 2.0
    retries: int = 8
    pause: float = 0.5
    wait: float = 60.0


@contextmanager
def exclusive(connection: Connection, lock_options: LockOptions, report: Report) -> Iterator[None]:
    """Hold the migration lock of the database; waits so long for another migration, survives no crash.

    Polls: a session that waits inside of a statement holds a snapshot, which the other migration's
    `create index concurrently` would wait for in turn.
    """
    pooler.refuse(connection)
    # The server notices within a second that the client was killed, also while it works (Linux only).
    with suppress(psycopg.errors.InvalidParameterValue):
        connection.execute("set client_connection_check_interval = '1s'")
    told = False
    deadline = time.monotonic() + lock_options.wait
    while not _try(connection):
        left = deadline - time.monotonic()
        if left <= 0:
            raise DotbaseError(
                f"another session holds the lock of migrations{_holder(connection)},"
                f" also after {lock_options.wait:g} s",
                "wait until it ends, longer with --wait, or end it with pg_terminate_backend",
            )
        if not told:
            report.say(f"Waiting for another migration of this database{_holder(connection)} …")
            told = True
        time.sleep(min(POLL, left))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_catalog.pg_advisory_unlock(%s, %s)", LOCK)


def _try(connection: Connection) -> bool:
    row = connection.execute("select pg_catalog.pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
    return row == (True,)


def _holder(connection: Connection) -> str:
    """Who holds the migration lock, as far as he can be seen."""
    row = _asked(
        connection,
        "select l.pid, a.usename, a.application_name, a.backend_start from pg_catalog.pg_locks as l"
        " left join pg_catalog.pg_stat_activity as a on a.pid = l.pid"
        " where l.locktype = 'advisory' and l.granted and l.classid = %s and l.objid = %s and l.objsubid = 2"
        " and l.database = (select d.oid from pg_catalog.pg_database as d"
        " where d.datname = pg_catalog.current_database())",
        *LOCK,
    )
    if not row or not row[1]:
        return ""
    application = f", application {row[2]}" if row[2] else ""
    since = f", since {row[3]:%H:%M:%S}" if row[3] else ""
    return f" (process {row[0]} of {row[1]}{application}{since})"


def _asked(connection: Connection, query: str, *values: int) -> tuple[Any, ...] | None:
    with connection.transaction():
        close_path(connection)
        return connection.execute(query.encode(), values or None).fetchone()


def persistent(
    connection: Connection, run: Callable[[], Result], lock_options: LockOptions, report: Report
) -> Result:
    """Run a transaction again, after a growing pause, while it loses against other sessions' locks."""
    attempt = 0
    while True:
        try:
            return run()
        except (StepError, psycopg.Error) as error:
            lost = isinstance(error, RacedError) or error.sqlstate in BUSY
            if not lost or connection.closed:
                raise
            if attempt >= lock_options.retries:
                raise DotbaseError(
                    f"{_reason(error)}, {attempt + 1} times in a row{_oldest(connection)}",
                    "try again at a quieter time, or raise --lock-timeout or --retries",
                    error.where if isinstance(error, StepError) else None,
                ) from None
            attempt += 1
            pause = min(lock_options.pause * 2 ** (attempt - 1), 30.0) * random.uniform(0.5, 1.5)
            report.say(
                f"{_reason(error)}{_oldest(connection)}; "
                f"attempt {attempt} of {lock_options.retries} again in {pause:.1f} s."
            )
            time.sleep(pause)


def _reason(error: StepError | psycopg.Error) -> str:
    if error.sqlstate == "55P03":
        return "another session holds a lock that is needed"
    if error.sqlstate == "40P01":
        return "a deadlock with another session was broken"
    return "another database of the cluster is being prepared"


def _oldest(connection: Connection) -> str:
    row = _asked(
        connection,
        "select pid, usename, extract(epoch from clock_timestamp() - xact_start)::integer"
        " from pg_catalog.pg_stat_activity where datname = current_database() and xact_start is not null"
        " and pid <> pg_catalog.pg_backend_pid() order by xact_start limit 1",
    )
    return f" (oldest transaction: process {row[0]} of {row[1]}, {row[2]} s)" if row else ""
