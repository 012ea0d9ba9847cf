"""One migration at a time, and none that makes the world queue behind it; no pooler that gives locks away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from dotbase.catalog import sessions
from dotbase.connection import close_path
from dotbase.errors import DotbaseError
from dotbase.migrate.report import Report
from dotbase.migrate.statements import LOCK_ERRORS, BootstrapCollisionError, StepError

Connection = psycopg.Connection[Any]
Result = TypeVar("Result")

# The key of the session lock: 'dotb' 'ase' in ASCII, one for each database.
LOCK = (0x646F7462, 0x617365)
POLL = 0.2  # seconds
PID = b"select pg_catalog.pg_backend_pid()"
ROUNDS = 3
POOL_TIMEOUT = 5.0  # seconds that a pool may take to give a second session


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
    refuse_pooler(connection)
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


def retried(
    connection: Connection, run: Callable[[], Result], lock_options: LockOptions, report: Report
) -> Result:
    """Run a transaction again, after a growing pause, while it loses against other sessions' locks."""
    attempt = 0
    while True:
        try:
            return run()
        except (StepError, psycopg.Error) as error:
            lost = isinstance(error, BootstrapCollisionError) or error.sqlstate in LOCK_ERRORS
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


def refuse_pooler(connection: Connection) -> None:
    """Refuse a connection whose next transaction may belong to another server session.

    Poolers (PgBouncer, Supavisor, PgCat) tell their clients a process number of their own, so that the
    server's answer to a plain connection is sure and costs one question. Behind one that keeps a session
    for each client, a migration is safe: a second client is asked which server session it gets.
    """
    own = _pid(connection)
    if own == connection.info.backend_pid or not _shares(connection, own):
        return
    raise DotbaseError(
        "the connection goes through a pooler in transaction mode, where a lock does not hold from one"
        " transaction to the next",
        "connect to the server itself, or to a pool in session mode",
    )


def _try(connection: Connection) -> bool:
    row = connection.execute("select pg_catalog.pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
    return row == (True,)


def _holder(connection: Connection) -> str:
    """Who holds the migration lock, as far as he can be seen."""
    with connection.transaction():
        close_path(connection)
        found = sessions.holder(connection, LOCK)
    if found is None or not found.user:
        return ""
    application = f", application {found.application}" if found.application else ""
    since = f", since {found.since:%H:%M:%S}" if found.since else ""
    return f" (process {found.pid} of {found.user}{application}{since})"


def _reason(error: StepError | psycopg.Error) -> str:
    if error.sqlstate == "55P03":
        return "another session holds a lock that is needed"
    if error.sqlstate == "40P01":
        return "a deadlock with another session was broken"
    return "another database of the cluster is being prepared"


def _oldest(connection: Connection) -> str:
    with connection.transaction():
        close_path(connection)
        found = sessions.oldest_transaction(connection)
    if found is None:
        return ""
    return f" (oldest transaction: process {found.pid} of {found.user}, {found.seconds} s)"


def _shares(connection: Connection, own: int) -> bool:
    """Whether another client gets our session while we are connected, or takes it away from us."""
    for _ in range(ROUNDS):
        with _neighbour(connection) as other:
            theirs = _in_transaction(other)
            if theirs is None:
                return False
            if theirs == own or _pid(connection) != own:
                return True
    return False


@contextmanager
def _neighbour(connection: Connection) -> Iterator[Connection]:
    dsn, password = connection.info.dsn, connection.info.password or None
    other: Connection = psycopg.connect(dsn, password=password, autocommit=True, prepare_threshold=None)
    try:
        yield other
    finally:
        other.close()


def _in_transaction(other: Connection) -> int | None:
    """Begins a transaction; its session's number, or None where the pool has no second one for us."""
    deadline = time.monotonic() + POOL_TIMEOUT
    other.pgconn.send_query(b"begin; " + PID)
    while True:
        other.pgconn.consume_input()
        if not other.pgconn.is_busy():
            break
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)
    numbers = []
    while result := other.pgconn.get_result():
        if result.ntuples:
            numbers.append(int(result.get_value(0, 0) or b"0"))
    return numbers[0] if numbers else None


def _pid(connection: Connection) -> int:
    row = connection.execute(PID).fetchone()
    assert row is not None
    return int(row[0])
