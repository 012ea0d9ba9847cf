"""Two relays send while one or the other, or the server under them, is killed by kill -9.

No message is lost, each result is handled once, every repeat carries its key, and there are no more repeats
than requests under way at the kills and outcomes that were unknown.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.kill import Torture
from tests.harness.target import OWNER
from tests.harness.waiting import until
from tests.relay.receiver import Receiver, receiving
from tests.relay.relaying import ROLE, Relay, declare, enqueue_from, lane, open_shop

IN_TORTURE = bool(os.environ.get("TORTURE"))
MESSAGES = 10_000 if IN_TORTURE else 3_000
KILLS = 7 if IN_TORTURE else 2
IN_FLIGHT = 40
UNREPORTED = 100  # of a relay: what ended within the time of a report and of its gathering
# Of twenty messages: what the receiver does at first. The rest is well at once.
PATHS = (
    "/first/status/500",
    "/first/busy/1",
    "/first/hang",
    "/first/close",
    "/first/garbage",
    "/status/404",
    "/status/410",
    "/large",
)
ENDS = {"/status/404": "refused", "/status/410": "refused", "/large": "refused"}
FILL = """
    select
        i::text as key,
        $1 ->> 'host' as destination,
        coalesce($1 -> 'paths' ->> (i % 20), '/slow/0.03') as path,
        convert_to(i::text, 'UTF8') as body
    from generate_series(1, ($1 ->> 'messages')::integer) as i
"""
# Beside the results, whose key would hide a second handling: every call that was committed.
HANDLED = """
create table shop.handled (
    handled_no bigint generated always as identity primary key,
    message_id bigint not null
);
create function shop.count_and_take(results outbox.result[]) returns void language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    insert into shop.handled (message_id) select r.message_id from unnest(count_and_take.results) as r;
    select shop.take_results(count_and_take.results);
$$
"""
EXPIRED = "select count(*) from outbox.attempts where error = 'lease_expired'"


class Relays:
    """Two of them, always; a killed one is followed by another."""

    def __init__(self, db: Database, stack: ExitStack) -> None:
        self._db = db
        self._stack = stack
        self.running = [self._start(), self._start()]

    def kill(self, which: int) -> None:
        """Kill -9 one of them, and start its successor."""
        self.running[which].process.kill()
        self.running[which].ended()
        self.running[which] = self._start()

    def stop(self) -> None:
        """End both in order."""
        for relay in self.running:
            relay.stop()

    def _start(self) -> Relay:
        relay = Relay(self._db)
        self._stack.callback(relay.close)
        relay.wait_for("ready")
        return relay


@pytest.mark.timeout(900)  # a server of its own that writes through, with its template, and kills
def test_kills_lose_and_double_nothing(torture: Torture, kill_seed: int) -> None:
    db, chance = torture.database, random.Random(kill_seed)
    with receiving() as receiver, ExitStack() as stack:
        about: dict[str, Any] = {
            "connect_timeout": "1s",
            "request_timeout": "1s",
            "lease": "4s",
            "in_flight": IN_FLIGHT,
            "delays": ["0s", *["1s"] * 30],
            "response_limit": 1000,
            "result_function": "count_and_take",
        }
        _declare(db, lane("letters", receiver, **about))
        relays = Relays(db, stack)
        given = {"host": receiver.host, "messages": MESSAGES, "paths": PATHS}
        assert enqueue_from(db, "letters", FILL, given) == MESSAGES
        told = []
        for number in range(KILLS):
            after = chance.uniform(0.05, 0.8)
            time.sleep(after)
            victim = "relay" if number % 2 == 0 else "server"
            arrived = len(receiver.requests)
            if victim == "relay":
                relays.kill(chance.randrange(2))
            else:
                torture.crash(ROLE)
            told.append(
                f"{victim}_under_messages, seed {kill_seed}: killed after {1000 * after:.0f} ms more, "
            )
            told[-1] += f"{arrived:,} requests had arrived"
        until(lambda: db.value("select count(*) from outbox.queue") == 0, 120)
        relays.stop()
        told[-1] += f"; in all {_judged(db, receiver)}"
        print("\n".join(told))
        count("kills of relays and of the server under them", KILLS)


def _declare(db: Database, declared: dict[str, Any]) -> None:
    open_shop(db)
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(HANDLED.encode())
    declare(db, declared)


def _judged(db: Database, receiver: Receiver) -> str:
    """Hold what arrived and what is recorded to the rules; the figures."""
    results = {row["message_key"]: row for row in db.rows("select * from shop.results")}
    assert len(results) == MESSAGES, "a message was lost"
    for key, result in results.items():
        path = dict(enumerate(PATHS)).get(int(key) % 20, "/ok")
        assert result["outcome"] == ENDS.get(path, "delivered"), (path, result)
    handled = db.value("select count(*) from shop.handled")
    assert handled == MESSAGES, "a result was handled twice"
    assert db.value("select count(*) from outbox.undigested") == 0

    keys: dict[bytes, set[str]] = {}
    arrived: dict[bytes, int] = {}
    for request in receiver.requests:
        keys.setdefault(request.body, set()).add(request.key)
        arrived[request.body] = arrived.get(request.body, 0) + 1
    assert len(keys) == MESSAGES
    assert all(len(of_one) == 1 and "" not in of_one for of_one in keys.values()), "a repeat has another key"
    leases = db.rows(
        """
        select m.message_key, count(*) as leases
        from outbox.attempts as a
        inner join outbox.messages as m on m.message_id = a.message_id and m.made_on = a.made_on
        where not a.is_stale
        group by m.message_key
        """
    )
    uncounted = {
        row["message_key"]: (arrived[row["message_key"].encode()], row["leases"])
        for row in leases
        if arrived[row["message_key"].encode()] > row["leases"]
    }
    assert uncounted == {}, "a request belongs to no lease"

    repeats = len(receiver.requests) - MESSAGES
    failed = db.value("select count(*) from outbox.attempts where not is_stale and outcome = 'failed'")
    unknown = db.value("select count(*) from outbox.attempts where not is_stale and outcome = 'unknown'")
    expired = db.value(EXPIRED)
    # At each kill: both relays' requests, what they had leased ahead, what they had not told yet.
    under_way = KILLS * 2 * (2 * IN_FLIGHT + UNREPORTED)
    assert repeats <= failed + unknown
    assert expired <= under_way
    assert KILLS == 0 or unknown > 0
    return (
        f"{MESSAGES:,} messages, {len(receiver.requests):,} requests, {repeats:,} repeats: "
        f"{failed:,} had failed, {unknown:,} were unknown, {expired:,} of these by leases that ended; "
        "none lost, none handled twice"
    )
