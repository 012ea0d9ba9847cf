"""Reporting: the database decides what a response means, and only the current lease's report counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import Database
from tests.outbox.post import (
    Relay,
    attempts,
    declare,
    enqueue,
    enqueue_many,
    events,
    lane,
    lane_state,
    later,
    queued,
    state,
    told,
)

Relays = Callable[[], Relay]
LIMIT = 8192


def sent(shop: Database, relay: Relay, **facts: Any) -> dict[str, Any]:
    """Send one message and report this of it; its attempt."""
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    assert relay.report(claimed, **facts) == 1
    [attempt] = attempts(shop, message_id)
    return attempt


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_what_was_accepted_is_delivered(status: int, shop: Database, relay: Relay) -> None:
    attempt = sent(shop, relay, status=status, headers={"x-a": "b"}, body=b"ok")
    assert (attempt["outcome"], attempt["ended"], attempt["status"]) == ("delivered", "delivered", status)
    assert (attempt["response_headers"], attempt["response_body"]) == ({"x-a": "b"}, b"ok")
    assert shop.value("select count(*) from outbox.queue") == 0


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 400, 402, 404, 405, 409, 410, 422, 451])
def test_what_was_answered_otherwise_is_refused_and_not_sent_again(
    status: int, shop: Database, relay: Relay
) -> None:
    attempt = sent(shop, relay, status=status, body=b"why")
    assert (attempt["outcome"], attempt["ended"], attempt["response_body"]) == ("refused", "refused", b"why")
    later(shop, days=9)
    assert relay.claim("letters") == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_has_failed_and_goes_on(status: int, shop: Database, relay: Relay) -> None:
    attempt = sent(shop, relay, status=status, body=b"busy")
    assert (attempt["outcome"], attempt["ended"], attempt["is_charged"]) == ("failed", None, True)
    assert attempt["response_body"] is None, "only the last response is kept"


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"error": "connect_failed", "was_sent": False}, "failed"),
        ({"error": "timeout", "was_sent": True}, "unknown"),
        ({"error": "timeout"}, "unknown"),
        ({"error": "connection_lost", "was_sent": True, "status": 200}, "unknown"),
        ({}, "unknown"),
        *[({"status": status}, "unknown") for status in (0, -1, 100, 199, 600, 2147483647)],
        ({"error": "response_too_large", "status": 200, "was_sent": True}, "refused"),
        ({"error": "host_refused", "was_sent": False}, "refused"),
        ({"error": "request_invalid", "was_sent": False}, "refused"),
        ({"error": "secret_missing", "was_sent": False}, "paused"),
        ({"status": 401}, "paused"),
        ({"status": 403}, "paused"),
    ],
    ids=str,
)
def test_what_came_of_a_request_that_was_not_simply_answered(
    facts: dict[str, Any], outcome: str, shop: Database, relay: Relay
) -> None:
    attempt = sent(shop, relay, **facts)
    assert attempt["outcome"] == outcome
    assert attempt["ended"] == ("refused" if outcome == "refused" else None)
    assert attempt["is_charged"] is (outcome in ("failed", "unknown"))


def test_a_response_up_to_the_limit_is_kept_whole_and_a_longer_one_is_refused(
    shop: Database, relay: Relay
) -> None:
    enqueue_many(shop, "letters", 2)
    fits, long = relay.claim("letters")
    bodies = [
        (fits, {"status": 200, "body": b"x" * LIMIT}),
        (long, {"status": 200, "body": b"x" * (LIMIT + 1)}),
    ]
    assert relay.report_each(bodies) == 2
    first, second = told(shop)
    assert (first["outcome"], len(first["body"])) == ("delivered", LIMIT)
    assert (second["outcome"], second["error"], second["body"]) == ("refused", "response_too_large", None)


def test_a_failed_message_waits_by_its_lanes_delays_and_is_dead_after_the_last(
    shop: Database, relay: Relay
) -> None:
    message_id = enqueue(shop, "letters", "one")
    waits = [5, 300, 1800, *[3600 * hours for hours in (2, 5, 10, 14, 20, 24)]]
    for number, wait in enumerate([0, *waits], start=1):
        [claimed] = relay.claim("letters")
        assert relay.report(claimed, 500) == 1
        if number == 10:
            break
        row = queued(shop, message_id)
        assert (row["attempts"], row["leases"], row["is_leased"]) == (number, number, False)
        coming = (row["due_at"] - shop.value("select core.now()")).total_seconds()
        assert waits[number - 1] <= coming <= waits[number - 1] * 1.1, f"not sooner than said: {wait}"
        later(shop, seconds=coming - 0.001)
        assert relay.claim("letters") == []
        later(shop, seconds=0.001)
    assert state(shop, message_id) == "dead"
    assert [(one["outcome"], one["status"]) for one in told(shop)] == [("dead", 500)]
    [letter] = shop.rows("select what, reason, lease_no from outbox.dead_letters")
    assert letter == {"what": "delivery", "reason": "status 500", "lease_no": 10}
    assert events(shop, "letters") == ["dead"]


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(60, (60, 60)), (2, (5, 5.5)), (7200, (3600, 3600)), (-5, (5, 5.5)), (None, (5, 5.5))],
)
def test_retry_after_is_honoured_up_to_an_hour(
    asked: int | None, waits: tuple[float, float], shop: Database, relay: Relay
) -> None:
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    relay.report(claimed, 429, retry_after=None if asked is None else timedelta(seconds=asked))
    coming = (queued(shop, message_id)["due_at"] - shop.value("select core.now()")).total_seconds()
    assert waits[0] <= coming <= waits[1]


def test_a_report_counts_once(shop: Database, relay: Relay) -> None:
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    assert relay.report([claimed, claimed], 500) == 1
    assert relay.report(claimed, 500) == 0
    assert relay.report(claimed, 200) == 0
    assert queued(shop, message_id)["attempts"] == 1
    assert [(one["is_stale"], one["outcome"]) for one in attempts(shop, message_id)] == [
        (False, "failed"),
        (True, "failed"),
    ]


def test_a_report_whose_lease_has_passed_to_another_changes_nothing(shop: Database, relays: Relays) -> None:
    message_id = enqueue(shop, "letters", "one")
    slow, quick = relays(), relays()
    [old] = slow.claim("letters")
    later(shop, seconds=90)
    [new] = quick.claim("letters")
    assert slow.report(old, 200, body=b"late") == 0
    assert state(shop, message_id) == "leased"
    assert told(shop) == []
    assert quick.report(new, 500) == 1
    assert [(a["lease_no"], a["is_stale"], a["outcome"]) for a in attempts(shop, message_id)] == [
        (1, False, "unknown"),
        (2, False, "failed"),
        (1, True, "delivered"),
    ]


def test_a_report_after_the_lease_ended_counts_while_nobody_else_has_the_message(
    shop: Database, relay: Relay
) -> None:
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    later(shop, days=1)
    assert relay.report(claimed, 200) == 1
    assert state(shop, message_id) == "delivered"


def test_a_report_of_what_never_was_leaves_no_trace(shop: Database, relay: Relay) -> None:
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    made_up = [claimed._replace(lease_no=number) for number in (2, 0, -1, 2147483647)] + [
        claimed._replace(message_id=number) for number in (0, -1, 10**18)
    ]
    assert relay.report(made_up, 200) == 0
    assert attempts(shop, message_id) == []
    assert shop.value("select count(*) from outbox.attempts") == 0
    assert relay.report(claimed, 200) == 1
    assert relay.report(claimed._replace(lease_no=7), 200) == 0
    assert len(attempts(shop, message_id)) == 1


def test_reports_of_several_lanes_go_in_one_call(shop: Database, relay: Relay) -> None:
    one, two = enqueue(shop, "letters", "one"), enqueue(shop, "pushes", "two")
    assert relay.report([*relay.claim("pushes"), *relay.claim("letters")], 200) == 2
    assert (state(shop, one), state(shop, two)) == ("delivered", "delivered")


@pytest.mark.parametrize("reports", ["'{}'", "array[null]::outbox.report[]", "null"])
def test_an_empty_report_is_nothing(reports: str, shop: Database, relay: Relay) -> None:
    row = relay.connection.execute(f"select outbox.report_results({reports})".encode()).fetchone()
    assert row in ((0,), (None,))


def test_hostile_facts_are_cut_to_what_is_kept(shop: Database, relay: Relay) -> None:
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    huge = {f"h{number}": "x" * 1000 for number in range(100)}
    assert relay.report(claimed, 404, headers=huge, retry_after=timedelta(days=9999)) == 1
    [attempt] = attempts(shop, message_id)
    assert (attempt["ended"], attempt["response_headers"]) == ("refused", None)
    message_id = enqueue(shop, "letters", "two")
    [claimed] = relay.claim("letters")
    assert relay.report(claimed, error="x" * 10_000, was_sent=True) == 1
    [attempt] = attempts(shop, message_id)
    assert attempt["error"] == "x" * 100


def test_a_crash_between_claim_and_report_sends_again_under_the_same_key(
    shop: Database, relays: Relays
) -> None:
    message_id = enqueue(shop, "letters", "one")
    crashed = relays()
    [first] = crashed.claim("letters")
    crashed.close()
    later(shop, seconds=90)
    other = relays()
    [second] = other.claim("letters")
    assert second.idempotency_key == first.idempotency_key
    other.report(second, 200)
    assert state(shop, message_id) == "delivered"


def test_a_healthy_lane_writes_nothing_but_its_messages(shop: Database, relay: Relay) -> None:
    """Else a thousand messages would leave a thousand versions of one row."""
    before = shop.value("select ctid::text from outbox.lane_states where lane = 'pushes'")
    enqueue_many(shop, "pushes", 100)
    while claimed := relay.claim("pushes", 10):
        relay.report(claimed, 200)
    assert shop.value("select ctid::text from outbox.lane_states where lane = 'pushes'") == before
    assert lane_state(shop, "pushes")["outcomes"] == ""


def test_a_lane_of_one_delay_tries_once(shop: Database, relay: Relay) -> None:
    declare(shop, lane("once", delays=["0s"]))
    message_id = enqueue(shop, "once", "one")
    [claimed] = relay.claim("once")
    relay.report(claimed, error="connect_failed", was_sent=False)
    assert state(shop, message_id) == "dead"


def test_two_reports_of_the_same_messages_do_not_deadlock(shop: Database, relays: Relays) -> None:
    enqueue_many(shop, "pushes", 50)
    one, two = relays(), relays()
    claimed = one.claim("pushes")
    one.connection.execute("begin")
    assert one.report(claimed[:1], 200) == 1
    two.connection.execute("set lock_timeout = '200ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        two.report(list(reversed(claimed)), 200)
    assert one.report(claimed, 200) == 49
    one.connection.execute("commit")
    assert two.report(claimed, 200) == 0
