"""Reports reach the database whole, whatever is in them and whatever is between."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from dotbase.relay.database import Database as RelayDatabase
from dotbase.relay.lines import Lines
from dotbase.relay.messages import Lease, Report
from dotbase.relay.reporting import LARGEST_BATCH, LARGEST_BATCH_BYTES, Reporter
from dotbase.relay.resolving import LaneResolver
from tests.harness import bouncer
from tests.harness.databases import Database
from tests.harness.waiting import until
from tests.relay.receiver import Receiver
from tests.relay.relaying import (
    ROLE,
    attempts,
    enqueue,
    enqueue_many,
    lane,
    open_shop,
    relaying,
    run_once,
    state,
)

MEGABYTE = 1024 * 1024


def test_answers_of_megabytes_are_told(db: Database, receiver: Receiver) -> None:
    """More together than one report's batch takes."""
    body = b"\x00\\x" * (2 * MEGABYTE)
    receiver.answers["/megabytes"] = lambda _: (200, {}, body)
    about = {"response_limit": 8 * MEGABYTE, "result_function": "take_results"}
    open_shop(db, lane("files", receiver, **about))
    number = LARGEST_BATCH_BYTES // len(body) + 2
    enqueue_many(db, "files", number, "/megabytes")
    run_once(db)
    lengths = db.rows("select length(body) as bytes, sha256(body) as sha from shop.results")
    assert [row["bytes"] for row in lengths] == [len(body)] * number
    assert len({row["sha"] for row in lengths}) == 1


def _with_reporter(db: Database, act: Callable[[RelayDatabase, Reporter], Awaitable[None]]) -> str:
    """A reporter of the lane `letters` by itself; its lines."""
    told = io.StringIO()

    async def main() -> None:
        lines = Lines(as_json=False, stream=told)
        database = RelayDatabase(db.server.conninfo(db.name, ROLE), lines)
        await database.open()
        reporter = Reporter("letters", database, lines)
        telling = asyncio.create_task(reporter.run())
        try:
            await act(database, reporter)
            await asyncio.wait_for(reporter.flush(), 20)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            await database.close()

    asyncio.run(main())
    return told.getvalue()


def test_a_report_that_no_database_takes_holds_up_no_other(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    good, bad = enqueue(db, "letters", "/ok"), enqueue(db, "letters", "/bad")

    async def act(database: RelayDatabase, reporter: Reporter) -> None:
        [declared] = await database.lanes()
        leases = {m.message_id: m.lease_no for m in await database.claim(declared, 10, None, 0)}
        reporter.add(Report(bad, leases[bad], error="a zero\0byte"))
        reporter.add(Report(good, leases[good], status=200, body=b""))

    told = _with_reporter(db, act)
    assert (state(db, good), state(db, bad)) == ("delivered", "leased")
    assert f"report dropped lane=letters message={bad}" in told


def test_more_reports_than_fit_are_told_in_several_calls(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    number = 2 * LARGEST_BATCH + 1
    enqueue_many(db, "letters", number)

    async def act(database: RelayDatabase, reporter: Reporter) -> None:
        [declared] = await database.lanes()
        for _ in range(3):
            for message in await database.claim(declared, LARGEST_BATCH, None, 0):
                reporter.add(Report(message.message_id, message.lease_no, status=200))

    _with_reporter(db, act)
    assert db.value("select count(*) from outbox.attempts where ended = 'delivered'") == number
    assert db.value("select count(distinct xmin::text) from outbox.attempts") == 3


def test_reports_of_megabytes_are_told_in_several_calls(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, response_limit=8 * MEGABYTE))
    enqueue_many(db, "letters", 4)

    async def act(database: RelayDatabase, reporter: Reporter) -> None:
        [declared] = await database.lanes()
        for message in await database.claim(declared, 4, None, 0):
            reporter.add(Report(message.message_id, message.lease_no, status=200, body=bytes(6 * MEGABYTE)))

    _with_reporter(db, act)
    assert db.value(
        "select array_agg(n) from (select count(*) as n from outbox.attempts group by xmin::text) as t"
    ) == [2, 2]


def test_a_lease_is_given_back_and_its_message_is_due_at_once(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    message_id = enqueue(db, "letters", "/ok")

    async def act(database: RelayDatabase, reporter: Reporter) -> None:
        [declared] = await database.lanes()
        [message] = await database.claim(declared, 10, None, 0)
        reporter.release(Lease(message.message_id, message.lease_no))

    _with_reporter(db, act)
    assert state(db, message_id) == "waiting"
    run_once(db)
    assert [a["outcome"] for a in attempts(db, message_id)][-1] == "delivered"


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_relay_works_through_a_pooler(mode: str, db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, result_function="take_results"), lane("pushes", receiver))
    with bouncer.pool(db.server, mode, pool_size=4) as pooler:
        url = pooler.conninfo(db.name, ROLE)
        with relaying(db, "--connections", "3", env={"DATABASE_URL": url}) as relay:
            for name in ("letters", "pushes"):
                enqueue_many(db, name, 300)
            until(lambda: db.value("select count(*) from outbox.queue") == 0, 30)
            relay.stop()
    assert len(receiver.requests) == 600
    assert max(receiver.by_key.values()) == 1


def test_a_name_server_that_hangs_holds_up_its_lane_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    ask = socket.getaddrinfo

    def hanging(host: str, *arguments: object, **named: object) -> object:
        if host == "stuck.example.com":
            answered.wait(20)
        return ask("localhost", *arguments, **named)  # type: ignore[arg-type]

    async def main() -> None:
        stuck, other = LaneResolver("stuck"), LaneResolver("other")
        waiting = [asyncio.create_task(stuck.resolve("stuck.example.com")) for _ in range(50)]
        await asyncio.sleep(0.1)
        try:
            found = await asyncio.wait_for(other.resolve("other.example.com", 443), 5)
            assert (found[0]["hostname"], found[0]["port"]) == ("other.example.com", 443)
            # Nor the threads that the database's own connections need.
            await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("localhost", 1), 5)
            assert not any(task.done() for task in waiting)
        finally:
            answered.set()
            await asyncio.gather(*waiting, return_exceptions=True)
            await stuck.close()
            await other.close()

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    asyncio.run(main())
