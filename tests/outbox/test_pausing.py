"""Pausing: a lane that fails stops by itself, charges nobody for it, and asks with one message at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.outbox.post import (
    Relay,
    declare,
    enqueue,
    enqueue_many,
    events,
    lane,
    lane_state,
    later,
    queued,
    state,
)

Relays = Callable[[], Relay]


def fail(shop: Database, relay: Relay, count: int, name: str = "pushes", **facts: Any) -> list[Any]:
    """So many attempts that fail, each reported alone."""
    claimed = relay.claim(name, count)
    assert len(claimed) == count
    for one in claimed:
        relay.report(one, **(facts or {"status": 503}))
    return claimed


def paused_for(shop: Database, name: str = "pushes") -> float | None:
    until = lane_state(shop, name)["paused_until"]
    return None if until is None else (until - shop.value("select core.now()")).total_seconds()


def test_over_half_of_the_last_fifty_pause_a_lane_and_half_do_not(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 200)
    relay.report(relay.claim("pushes", 50), 200)
    fail(shop, relay, 25)
    assert paused_for(shop) is None
    relay.report(relay.claim("pushes", 24), 200)
    relay.report(relay.claim("pushes", 1), 200)
    assert paused_for(shop) is None
    # The oldest failure falls out as a new one comes.
    fail(shop, relay, 25)
    assert paused_for(shop) is None
    fail(shop, relay, 1)
    assert paused_for(shop) == 30
    assert events(shop, "pushes") == ["paused"]
    assert relay.claim("pushes") == []


def test_the_failures_that_pause_a_lane_are_not_charged_nor_those_under_way(
    shop: Database, relay: Relay
) -> None:
    enqueue_many(shop, "pushes", 60)
    claimed = relay.claim("pushes", 60)
    relay.report(claimed[:40], 500)
    assert paused_for(shop) == 30
    relay.report(claimed[40:], error="timeout", was_sent=True)
    assert shop.value("select sum(attempts) from outbox.queue") == 0
    assert shop.value("select count(*) from outbox.attempts where is_charged") == 0
    assert shop.value("select count(*) from outbox.attempts") == 60


def test_a_days_outage_kills_no_message(shop: Database, relay: Relay) -> None:
    declare(shop, lane("brief", keys="none", delays=["0s", "1s", "1s"]))
    enqueue_many(shop, "brief", 100)
    tries = 0
    for _ in range(24 * 60):
        if claimed := relay.claim("brief"):
            tries += len(claimed)
            relay.report(claimed, 503)
        later(shop, minutes=1)
    assert shop.value("select count(*) from outbox.dead_letters") == 0
    assert shop.value("select count(*) from outbox.queue") == 100
    assert tries < 100 + 24 * 6 + 10, "one probe each ten minutes"
    assert events(shop, "brief") == ["paused"]


def test_a_pause_doubles_from_half_a_minute_to_ten_minutes(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 100)
    relay.report(relay.claim("pushes", 30), 500)
    for wait in (30, 60, 120, 240, 480, 600, 600, 600):
        assert paused_for(shop) == wait
        later(shop, seconds=wait - 1)
        assert relay.claim("pushes") == []
        later(shop, seconds=1)
        [probe] = relay.claim("pushes")
        relay.report(probe, 500)


def test_after_a_pause_there_is_one_probe_at_a_time(shop: Database, relays: Relays) -> None:
    enqueue_many(shop, "pushes", 100)
    first = relays()
    first.report(first.claim("pushes", 30), 500)
    later(shop, seconds=30)
    ten = [relays() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        got = [one for found in pool.map(lambda relay: relay.claim("pushes"), ten) for one in found]
    assert len(got) == 1


@pytest.mark.parametrize("status", [200, 404])
def test_a_probe_that_is_answered_ends_the_pause(status: int, shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 100)
    relay.report(relay.claim("pushes", 30), 500)
    later(shop, seconds=30)
    relay.report(relay.claim("pushes"), status)
    assert paused_for(shop) is None
    assert events(shop, "pushes") == ["paused", "resumed"]
    assert len(relay.claim("pushes")) == 99
    assert lane_state(shop, "pushes")["outcomes"] == "", "it begins anew"


def test_the_next_probe_is_another_message(shop: Database, relay: Relay) -> None:
    """Else one that always fails would keep its lane shut."""
    enqueue_many(shop, "pushes", 40)
    relay.report(relay.claim("pushes", 30), 500)
    probed = []
    for wait in (30, 60, 120):
        later(shop, seconds=wait)
        [probe] = relay.claim("pushes")
        probed.append(probe.message_id)
        relay.report(probe, 500)
    assert len(set(probed)) == 3


def test_a_success_of_what_was_under_way_does_not_end_a_pause(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 40)
    claimed = relay.claim("pushes", 31)
    relay.report(claimed[:30], 500)
    assert relay.report(claimed[30], 200) == 1
    assert state(shop, claimed[30].message_id) == "delivered"
    assert paused_for(shop) == 30


def test_a_probe_whose_relay_crashed_is_followed_by_another(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 40)
    relay.report(relay.claim("pushes", 30), 500)
    later(shop, seconds=30)
    [lost] = relay.claim("pushes")
    later(shop, seconds=89)
    assert relay.claim("pushes") == []
    later(shop, seconds=1)
    [probe] = relay.claim("pushes")
    assert relay.report(lost, 200) == 1
    assert paused_for(shop) is not None, "it was the probe no more"
    relay.report(probe, 200)
    assert paused_for(shop) is None


def test_a_probe_that_is_given_back_makes_room_for_another(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 40)
    relay.report(relay.claim("pushes", 30), 500)
    later(shop, seconds=30)
    assert relay.release(relay.claim("pushes")) == 1
    assert len(relay.claim("pushes")) == 1


@pytest.mark.parametrize(
    ("facts", "reason"),
    [({"status": 401}, "status 401"), ({"error": "secret_missing", "was_sent": False}, "secret_missing")],
)
def test_what_is_about_us_pauses_a_lane_at_once_and_ends_no_message(
    facts: dict[str, Any], reason: str, shop: Database, relay: Relay
) -> None:
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    relay.report(claimed, **facts)
    assert lane_state(shop, "letters")["pause_reason"] == reason
    assert (queued(shop, message_id)["attempts"], paused_for(shop, "letters")) == (0, 30)
    later(shop, seconds=30)
    [probe] = relay.claim("letters")
    relay.report(probe, **facts)
    assert paused_for(shop, "letters") == 60
    later(shop, seconds=60)
    relay.report(relay.claim("letters"), 200)
    assert state(shop, message_id) == "delivered"
    assert events(shop, "letters") == ["paused", "resumed"]


def test_a_lane_says_which_statuses_are_about_us(shop: Database, relay: Relay) -> None:
    declare(shop, lane("letters", pause_on=[402]))
    enqueue_many(shop, "letters", 2)
    one, two = relay.claim("letters")
    relay.report(one, 401)
    assert state(shop, one.message_id) == "refused"
    relay.report(two, 402)
    assert paused_for(shop, "letters") == 30


def test_a_paused_lane_holds_up_no_other(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 40)
    relay.report(relay.claim("pushes", 30), 500)
    message_id = enqueue(shop, "letters", "one")
    relay.report(relay.claim("letters"), 200)
    assert state(shop, message_id) == "delivered"


def test_refusals_pause_nothing(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 100)
    for one in relay.claim("pushes", 60):
        relay.report(one, 404)
    assert paused_for(shop) is None
