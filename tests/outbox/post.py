"""Lanes and messages of the tests' own, and a relay that speaks to the database as the real one does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.composite import CompositeInfo, register_composite

from dotbase.render.declarations.lanes import Lane, declared
from tests.harness.databases import Database
from tests.harness.target import OWNER

SHOP = (Path(__file__).parent / "shop.sql").read_text()
HOST = "api.example.com"
Claimed = Any  # the row type outbox.claimed_message


def lane(name: str, app: str = "shop", **changes: Any) -> dict[str, Any]:
    """A lane as the generator declares it, by the keys of lanes.yaml."""
    about: dict[str, Any] = {"about": "For tests.", "hosts": [HOST], **changes}
    return declared(app, name, Lane.model_validate(about))


def declare(db: Database, *lanes: dict[str, Any], app: str = "shop") -> None:
    """Make these the app's lanes, as a migration does."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute("select outbox.declare_lanes(%s, %s)", [app, json.dumps(lanes)])


def open_shop(db: Database) -> None:
    """Add the tests' app with its result function."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(SHOP.encode())


def enqueue(db: Database, name: str, key: str, body: bytes = b"{}", **more: object) -> int:
    """One message, by the owner."""
    destination = more.pop("destination", HOST)
    names = "".join(f", {word} => %s" for word in more)
    query = f"select outbox.enqueue(%s, %s, destination => %s, body => %s{names})"
    return int(db.value(query, name, key, destination, body, *more.values()))


def enqueue_many(db: Database, name: str, count: int) -> list[int]:
    """Messages with keys 1, 2 and so on; their numbers."""
    query = (
        f"select i::text as key, '{HOST}' as destination, '{{}}'::bytea as body "
        f"from generate_series(1, {count}) as i"
    )
    assert db.value("select outbox.enqueue_from(%s, %s)", name, query) == count
    rows = db.rows("select message_id from outbox.messages where lane = %s order by message_id", name)
    return [row["message_id"] for row in rows][-count:]


def state(db: Database, message_id: int) -> str:
    """Where a message is: waiting, leased, or how it ended."""
    return str(db.value("select state from outbox.message_states(array[%s]::bigint[])", message_id))


def queued(db: Database, message_id: int) -> dict[str, Any]:
    """A message's row of the queue."""
    [row] = db.rows("select * from outbox.queue where message_id = %s", message_id)
    return row


def attempts(db: Database, message_id: int) -> list[dict[str, Any]]:
    """What became of each lease of a message, in order, stale reports last."""
    return db.rows(
        "select * from outbox.attempts where message_id = %s order by is_stale, lease_no", message_id
    )


def lane_state(db: Database, name: str) -> dict[str, Any]:
    """What a lane goes through."""
    [row] = db.rows("select * from outbox.lane_states where lane = %s", name)
    return row


def events(db: Database, name: str) -> list[str]:
    """The kinds of a lane's events, in order."""
    rows = db.rows("select kind from outbox.events where lane = %s order by event_id", name)
    return [row["kind"] for row in rows]


def told(db: Database) -> list[dict[str, Any]]:
    """What the result function was told, in order."""
    return db.rows("select * from shop.told order by told_no")


def later(db: Database, **by: float) -> None:
    """Move the clock on, without waiting."""
    db.owner.execute("update test_clock.moved_clock set moved_to = moved_to + %s", [timedelta(**by)])


class Relay:
    """A session of dotbase_relay, which may call six functions."""

    def __init__(self, db: Database) -> None:
        self.connection: psycopg.Connection[Any] = db.server.connect(db.name, user="dotbase_relay")
        types: dict[str, Any] = {}
        for name in ("claimed_message", "report", "lease"):
            info = CompositeInfo.fetch(self.connection, f"outbox.{name}")
            assert info is not None
            register_composite(info, self.connection)
            types[name] = info.python_type
        self._report, self._lease = types["report"], types["lease"]

    def claim(self, name: str, at_most: int = 100, since: object = None) -> list[Claimed]:
        """The messages that this call leased."""
        rows = self.connection.execute(
            "select c from outbox.claim_messages(%s, %s, %s) as c", [name, at_most, since]
        )
        return [row[0] for row in rows]

    def report(self, claimed: Claimed | Sequence[Claimed], status: int | None = None, **facts: Any) -> int:
        """Report the same of each: a status, or an error; how many counted."""
        each: Iterable[Claimed] = claimed if isinstance(claimed, list) else [claimed]
        return self.report_each([(one, {"status": status, **facts}) for one in each])

    def report_each(self, facts: Sequence[tuple[Claimed, dict[str, Any]]]) -> int:
        """Report of each what is its own; how many counted."""
        names = ("status", "error", "was_sent", "retry_after", "headers", "body")
        reports = [
            self._report(
                one.message_id,
                one.lease_no,
                *(json.dumps(what[n]) if n == "headers" and what.get(n) else what.get(n) for n in names),
            )
            for one, what in facts
        ]
        row = self.connection.execute("select outbox.report_results(%s)", [reports]).fetchone()
        assert row is not None
        return int(row[0])

    def release(self, claimed: Sequence[Claimed]) -> int:
        """Give leases back; how many counted."""
        leases = [self._lease(one.message_id, one.lease_no) for one in claimed]
        row = self.connection.execute("select outbox.release_leases(%s)", [leases]).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """End the session."""
        self.connection.close()
