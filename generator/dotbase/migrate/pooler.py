"""Is there a pooler that gives each transaction another server session? Then no session lock holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from dotbase.errors import DotbaseError

Connection = psycopg.Connection[Any]
PID = b"select pg_catalog.pg_backend_pid()"
ROUNDS = 3
POOL_TIMEOUT = 5.0  # seconds that a pool may take to give a second session


def refuse(connection: Connection) -> None:
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
