"""Claiming: a message belongs to one sender at a time, oldest due first, from a low mark on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused
from tests.outbox.post import (
    HOST,
    Relay,
    attempts,
    declare,
    enqueue,
    enqueue_many,
    events,
    lane,
    later,
    queued,
    state,
    told,
)

Relays = Callable[[], Relay]


def test_a_claimed_message_is_nobody_elses_until_its_lease_ends(shop: Database, relays: Relays) -> None:
    message_id = enqueue(shop, "letters", "one")
    first, second = relays(), relays()
    [claimed] = first.claim("letters")
    assert (claimed.message_id, claimed.lease_no) == (message_id, 1)
    assert state(shop, message_id) == "leased"
    later(shop, seconds=89)
    assert second.claim("letters") == []
    later(shop, seconds=1)
    [again] = second.claim("letters")
    assert (again.message_id, again.lease_no) == (message_id, 2)
    assert again.idempotency_key == claimed.idempotency_key


def test_what_is_due_first_leaves_first_and_what_is_not_due_stays(shop: Database, relay: Relay) -> None:
    now = shop.value("select core.now()")
    wanted = []
    for minutes in (3, 1, 2, 9):
        message_id = enqueue(shop, "letters", str(minutes), not_before=now + timedelta(minutes=minutes))
        wanted.append((minutes, message_id))
    assert relay.claim("letters") == []
    later(shop, minutes=5)
    due = [message_id for minutes, message_id in sorted(wanted) if minutes < 5]
    assert [one.message_id for one in relay.claim("letters", 2)] == due[:2]
    assert [one.message_id for one in relay.claim("letters")] == due[2:]


def test_a_call_gives_five_hundred_at_most_and_none_for_less_than_one(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 501)
    assert relay.claim("pushes", 0) == relay.claim("pushes", -1) == []
    assert len(relay.claim("pushes", 10_000)) == 500
    assert len(relay.claim("pushes", 10_000)) == 1


def test_a_lane_does_not_see_the_messages_of_another(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    assert relay.claim("pushes") == []
    for name in ("nowhere", "", "letters'--"):
        with refused("outbox_lane_not_found"):
            relay.claim(name)
    declare(shop, lane("pushes"))
    with refused("outbox_lane_not_found"):
        relay.claim("letters")


def test_a_low_mark_leaves_out_what_is_due_before_it(shop: Database, relay: Relay) -> None:
    early = enqueue(shop, "letters", "early")
    later(shop, seconds=10)
    late = enqueue(shop, "letters", "late")
    mark = shop.value("select core.now()")
    [claimed] = relay.claim("letters", since=mark)
    assert (claimed.message_id, claimed.due_at) == (late, mark)
    # Once more without it, as a relay asks every few seconds.
    assert [one.message_id for one in relay.claim("letters")] == [early]


def test_ten_relays_that_race_get_each_message_once(shop: Database, relays: Relays) -> None:
    enqueue_many(shop, "pushes", 1000)
    ten = [relays() for _ in range(10)]

    def drain(relay: Relay) -> list[tuple[int, int]]:
        found = []
        while claimed := relay.claim("pushes", 7):
            found += [(one.message_id, one.lease_no) for one in claimed]
        return found

    with ThreadPoolExecutor(10) as pool:
        got = [one for found in pool.map(drain, ten) for one in found]
    assert len(got) == len(set(got)) == 1000
    assert {lease_no for _, lease_no in got} == {1}


def test_a_claim_that_is_rolled_back_is_no_claim(shop: Database, relays: Relays) -> None:
    enqueue(shop, "letters", "one")
    crashed, other = relays(), relays()
    crashed.connection.execute("begin")
    [claimed] = crashed.claim("letters")
    assert other.claim("letters") == [], "it does not wait for it either"
    crashed.close()
    # The server takes a moment to see that the session is gone.
    [again] = next(filter(None, iter(lambda: other.claim("letters"), None)))
    assert again.lease_no == claimed.lease_no == 1


def test_a_lease_that_nobody_reported_counts_as_an_attempt_with_unknown_outcome(
    shop: Database, relay: Relay
) -> None:
    [message_id] = enqueue_many(shop, "pushes", 1)
    for lease_no in (1, 2, 3):
        [claimed] = relay.claim("pushes")
        assert claimed.lease_no == lease_no
        later(shop, seconds=90)
    # The lane has three delays: a message that kills its sender does not do so without end.
    assert relay.claim("pushes") == []
    assert state(shop, message_id) == "dead"
    made = attempts(shop, message_id)
    assert [(one["lease_no"], one["outcome"], one["error"], one["ended"]) for one in made] == [
        (1, "unknown", "lease_expired", None),
        (2, "unknown", "lease_expired", None),
        (3, "unknown", "lease_expired", "dead"),
    ]
    assert all(one["is_charged"] for one in made)
    assert events(shop, "pushes") == ["dead"]


def test_what_has_expired_is_not_sent_and_does_not_stand_in_the_way(shop: Database, relay: Relay) -> None:
    now = shop.value("select core.now()")
    old = [enqueue(shop, "letters", f"old {n}", expires_at=now + timedelta(minutes=1)) for n in range(5)]
    new = enqueue(shop, "letters", "new")
    later(shop, minutes=1)
    assert [one.message_id for one in relay.claim("letters", 2)] == [new]
    assert {state(shop, message_id) for message_id in old} == {"expired"}
    assert [(one["outcome"], one["status"]) for one in told(shop)] == [("expired", None)] * 5


def test_a_message_that_expires_in_a_second_is_sent(shop: Database, relay: Relay) -> None:
    now = shop.value("select core.now()")
    message_id = enqueue(shop, "letters", "one", expires_at=now + timedelta(minutes=1))
    later(shop, seconds=59)
    assert [one.message_id for one in relay.claim("letters")] == [message_id]


def test_a_host_that_was_taken_off_the_list_gets_nothing_that_waits(shop: Database, relay: Relay) -> None:
    message_id = enqueue(shop, "letters", "one")
    declare(shop, lane("letters", hosts=["other.example.com"], result_function="take_results"))
    assert relay.claim("letters") == []
    assert state(shop, message_id) == "refused"
    [one] = told(shop)
    assert (one["outcome"], one["error"]) == ("refused", "host_refused")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (HOST, f"https://{HOST}/"),
        (f"{HOST}:8443", f"https://{HOST}:8443/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
    ],
)
def test_the_url_is_the_destinations(host: str, url: str, shop: Database, relay: Relay) -> None:
    declare(shop, lane("letters", hosts=[host]))
    enqueue(shop, "letters", "one", destination=host)
    [claimed] = relay.claim("letters")
    assert claimed.url == url


def test_what_is_given_back_is_due_at_once_and_nothing_is_charged(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "pushes", 3)
    claimed = relay.claim("pushes")
    assert relay.release(claimed) == 3
    assert relay.release(claimed) == 0, "they are not leased any more"
    again = relay.claim("pushes")
    assert {one.lease_no for one in again} == {2}
    assert relay.release(claimed) == 0, "nor by this lease"
    assert queued(shop, again[0].message_id)["attempts"] == 0
    assert relay.report(again, 200) == 3
    assert relay.release(again) == 0


def test_the_shop_goes_on_while_a_claim_is_under_way(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    relay.connection.execute("begin")
    assert len(relay.claim("letters")) == 1
    shop.owner.execute("set lock_timeout = '1s'")
    enqueue(shop, "letters", "one")
    enqueue(shop, "letters", "two")
    relay.connection.execute("rollback")
