"""A relay as an operator starts it: a process of its own, as its own role, told apart by its lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dotbase.render.declarations.lanes import Lane, declared
from tests.harness.databases import Database
from tests.harness.server import ROOT
from tests.harness.target import OWNER
from tests.harness.waiting import until
from tests.relay.receiver import Receiver

ROLE = "dotbase_relay"
SHOP = (Path(__file__).parent / "shop.sql").read_text()


def open_shop(db: Database, *lanes: dict[str, Any]) -> None:
    """A small app that sends, with a result function, and these lanes."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(SHOP.encode())
    declare(db, *lanes)


def declare(db: Database, *lanes: dict[str, Any]) -> None:
    """Make these the shop's lanes, as a migration does."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute("select outbox.declare_lanes('shop', %s)", [json.dumps(lanes)])


def lane(name: str, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    """A lane to the receiver as the generator declares it, by the keys of lanes.yaml."""
    about: dict[str, Any] = {"about": "For tests.", "hosts": [receiver.host], **changes}
    return declared("shop", name, Lane.model_validate(about))


def keep_secret(db: Database, name: str, value: str) -> None:
    """Set a secret, as its owner does."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute("select core.set_secret(%s, %s)", [name, value])


def enqueue(db: Database, name: str, path: str, body: bytes = b"{}", **more: object) -> int:
    """One message for a path, by the owner; its key is the path unless said otherwise."""
    [destination] = db.value("select hosts from outbox.lanes where lane = %s", name)
    arguments = {"key": path, "destination": destination, "body": body, "path": path, **more}
    names = ", ".join(f"{word} => %s" for word in arguments)
    return int(db.value(f"select outbox.enqueue(%s, {names})", name, *arguments.values()))


def enqueue_many(db: Database, name: str, count: int, path: str = "/ok", prefix: str = "m") -> None:
    """This many messages at once, with keys m1, m2 and so on."""
    [destination] = db.value("select hosts from outbox.lanes where lane = %s", name)
    query = """
        select ($1 ->> 'prefix') || i as key, $1 ->> 'destination' as destination, $1 ->> 'path' as path,
            convert_to(i::text, 'UTF8') as body
        from generate_series(1, ($1 ->> 'count')::integer) as i
    """
    given = {"prefix": prefix, "destination": destination, "path": path, "count": count}
    assert enqueue_from(db, name, query, given) == count


def enqueue_from(db: Database, name: str, query: str, given: Mapping[str, object]) -> int:
    """The messages that a query gives, by the owner; how many were new."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        return int(db.value("select outbox.enqueue_from(%s, %s, %s)", name, query, json.dumps(given)))


def attempts(db: Database, message_id: int) -> list[dict[str, Any]]:
    """What became of each lease of a message, in order."""
    return db.rows(
        "select * from outbox.attempts where message_id = %s and not is_stale order by lease_no", message_id
    )


def state(db: Database, message_id: int) -> str:
    """Where a message is: waiting, leased, or how it ended."""
    return str(db.value("select state from outbox.message_states(array[%s]::bigint[])", message_id))


class Relay:
    """One process."""

    def __init__(self, db: Database, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._said = ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "dotbase.cli",
                "relay",
                "--json",
                "--verbose",
                "--loopback-http",
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": db.server.conninfo(db.name, ROLE), **(env or {})},
            stdout=self._errors,
            stderr=self._errors,
        )

    @property
    def said(self) -> str:
        """All that it told, to whomever."""
        if not self._errors.closed:
            self._said = os.pread(self._errors.fileno(), 1 << 30, 0).decode(errors="replace")
        return self._said

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Its lines about an event."""
        lines = [
            json.loads(line) for line in self.said.splitlines() if line.startswith("{") and line.endswith("}")
        ]
        return [line for line in lines if line["event"] == event]

    def wait_for(self, event: str, seconds: float = 30) -> None:
        """Until it has told of this."""
        until(lambda: self.lines(event) or self.process.poll() is not None, seconds)
        assert self.lines(event), self.said

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self, seconds: float = 30) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End it in order."""
        self.signal()
        assert self.ended() == 0, self.said

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        # What it told is still wanted.
        self._said = self.said
        self._errors.close()


@contextmanager
def relaying(db: Database, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Relay]:
    """A relay that is ready."""
    relay = Relay(db, *arguments, env=env)
    try:
        relay.wait_for("ready")
        yield relay
    finally:
        relay.close()


def run_once(db: Database, *arguments: str, env: Mapping[str, str] | None = None) -> Relay:
    """A relay that sends what is due, and has ended well."""
    relay = Relay(db, "--once", *arguments, env=env)
    try:
        assert relay.ended(60) == 0, relay.said
    finally:
        relay.close()
    return relay
