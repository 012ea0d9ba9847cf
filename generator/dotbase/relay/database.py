"""The relay's side of the database: the functions that `dotbase_relay` may call, and nothing else.

Every call is one statement and one transaction. Connections come from a pool, since a lane needs one for
milliseconds at a time, and a pooler before the server may have few places.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from dotbase.relay.lanes import Lane
from dotbase.relay.lines import Lines
from dotbase.relay.messages import DatabaseGoneError, Lease, Message, Report

APPLICATION = "dotbase relay"
# A server that is gone without a word is noticed within half a minute.
CONNECTION = {
    "application_name": APPLICATION,
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30000,
}
DECLARED = "Z"  # how the SQLSTATEs of declared errors begin

CLAIM = """
select message_id, lease_no, due_at, idempotency_key, method, url, content_type, headers, body
from outbox.claim_messages(%s, %s, %s)
"""
LANES = """
select lane, hosts, auth, response_limit, in_flight, connect_timeout, request_timeout, lease
from outbox.relay_lanes()
"""
REPORT = """
select outbox.report_results(array(
    select
        row(r.message_id, r.lease_no, r.status, r.error, r.was_sent, r.retry_after, r.headers::jsonb, r.body)
        ::outbox.report
    from unnest(
        %s::bigint[], %s::integer[], %s::integer[], %s::text[], %s::boolean[], %s::interval[], %s::text[],
        %b::bytea[]
    ) as r (message_id, lease_no, status, error, was_sent, retry_after, headers, body)
))
"""
RELEASE = """
select outbox.release_leases(array(
    select row(l.message_id, l.lease_no)::outbox.lease
    from unnest(%s::bigint[], %s::integer[]) as l (message_id, lease_no)
))
"""


class Database:
    """What a relay asks of the database. A `DatabaseGoneError`: not now; a `psycopg.Error`: no."""

    def __init__(self, conninfo: str, lines: Lines, connections: int | None = None) -> None:
        # What psycopg tells of failures goes by `lines`, once.
        logging.getLogger("psycopg").addHandler(logging.NullHandler())
        logging.getLogger("psycopg").propagate = False
        self._lines = lines
        self._given = connections
        self._gone = False
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=connections or 4,
            timeout=10,
            max_idle=60,
            reconnect_timeout=60,
            open=False,
            # A call is one statement, and nothing is left in a session: a pooler may change it under us.
            kwargs={**CONNECTION, "autocommit": True, "prepare_threshold": None},
        )

    async def open(self) -> None:
        """Make the first connection."""
        await self._pool.open()

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close(timeout=2)

    async def resize(self, lanes: int) -> None:
        """Room for a claim and a report of each lane at a time, unless somebody has set a number."""
        if self._given is None:
            await self._pool.resize(1, 2 * lanes + 2)

    async def lanes(self) -> list[Lane]:
        """The lanes that relays send; one that this version does not understand is told and left out."""
        rows = await self._rows(LANES)
        lanes = []
        for row in rows:
            try:
                lanes.append(Lane.declared(*row))
            except (ValueError, KeyError):
                self._lines.say("lane not understood", lane=row[0])
        return lanes

    async def claim(
        self, lane: Lane, at_most: int, since: datetime | None, leased_until: float
    ) -> list[Message]:
        """Lease messages that are due."""
        rows = await self._rows(CLAIM, lane.name, at_most, since)
        return [
            Message(
                message_id=message_id,
                lease_no=lease_no,
                due_at=due_at,
                idempotency_key=key,
                method=method,
                url=url,
                content_type=content_type,
                headers=headers or {},
                body=body or b"",
                leased_until=leased_until,
            )
            for message_id, lease_no, due_at, key, method, url, content_type, headers, body in rows
        ]

    async def report(self, reports: Sequence[Report]) -> int:
        """Say what was seen; how many counted."""
        columns = [
            [r.message_id for r in reports],
            [r.lease_no for r in reports],
            [r.status for r in reports],
            [r.error for r in reports],
            [r.was_sent for r in reports],
            [r.retry_after for r in reports],
            [None if r.headers is None else json.dumps(r.headers) for r in reports],
            [r.body for r in reports],
        ]
        [(counted,)] = await self._rows(REPORT, *columns)
        return int(counted)

    async def release(self, leases: Sequence[Lease]) -> int:
        """Give leases back; how many were this relay's."""
        [(released,)] = await self._rows(
            RELEASE, [lease.message_id for lease in leases], [lease.lease_no for lease in leases]
        )
        return int(released)

    async def secret(self, lane: str, name: str) -> str | None:
        """A secret of a lane; None when it is not there or cannot be read."""
        try:
            [(secret,)] = await self._rows("select outbox.relay_secret(%s, %s)", lane, name)
        except psycopg.Error:
            return None
        return None if secret is None else str(secret)

    async def heartbeat(self, name: str, version: str) -> None:
        """Say that this relay is alive."""
        await self._rows("select outbox.relay_heartbeat(%s, %s)", name, version)

    async def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        async with self._connection() as connection:
            cursor = connection.cursor(binary=True)
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            async with self._pool.connection() as connection:
                try:
                    yield connection
                except psycopg.Error as error:
                    # What a session has planned may be wrong for good after a migration.
                    if not is_declared(error):
                        await connection.close()
                    raise
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
            await self._lost(error)
            raise DatabaseGoneError from None
        if self._gone:
            self._gone = False
            self._lines.say("database back")

    async def _lost(self, error: Exception) -> None:
        """Told once; the pool's other connections are looked at, since they are probably lost, too."""
        if self._gone:
            return
        self._gone = True
        sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
        self._lines.say("database gone", error=type(error).__name__, sqlstate=sqlstate)
        if not isinstance(error, PoolTimeout | PoolClosed):
            await self._pool.check()


def is_declared(error: psycopg.Error) -> bool:
    """Whether one of our own functions refused, as it says it may."""
    return (error.sqlstate or "").startswith(DECLARED)
