"""Dead letters go once more when an administrator says so; what waits can be called off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import admin, anon, service, walker
from tests.harness.refusals import assert_says
from tests.outbox.post import (
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


@pytest.fixture
def morgue(shop: Database, relay: Relay) -> Database:
    """Lanes of one attempt: messages 1 to 3 of `once` are dead, and one of `other`, a day later."""
    declare(
        shop,
        lane("once", delays=["0s"], result_function="take_results"),
        lane("other", delays=["0s"]),
    )
    shop.reload()
    enqueue_many(shop, "once", 3)
    relay.report(relay.claim("once"), 503)
    later(shop, days=1)
    enqueue(shop, "other", "one")
    relay.report(relay.claim("other"), 503)
    return shop


def replay(db: Database, **chosen: Any) -> Any:
    rpc = "replay_outbox_message" if "message_id" in chosen else "replay_outbox_lane"
    answer = db.call(admin, rpc, **chosen)
    assert answer.ok, answer
    return answer.body[0]["replayed"]


def numbers(db: Database) -> list[int]:
    return [row["message_id"] for row in db.rows("select message_id from outbox.dead_letters order by 1")]


def test_one_dead_letter_goes_again_under_the_same_key(morgue: Database, relay: Relay) -> None:
    message_id = numbers(morgue)[1]
    key = morgue.value("select idempotency_key from outbox.messages where message_id = %s", message_id)
    assert replay(morgue, message_id=message_id) == 1
    [claimed] = relay.claim("once")
    assert (claimed.message_id, claimed.idempotency_key, claimed.lease_no) == (message_id, key, 2)
    relay.report(claimed, 200)
    assert state(morgue, message_id) == "delivered"
    assert [a["ended"] for a in attempts(morgue, message_id)] == ["dead", "delivered"]
    assert [one["outcome"] for one in told(morgue) if one["message_id"] == message_id] == [
        "dead",
        "delivered",
    ]
    assert "replayed" in events(morgue, "once")


def test_dead_letters_go_again_by_lane_or_time(morgue: Database) -> None:
    now = morgue.value("select core.now()")
    assert replay(morgue, lane="other", died_from=(now + timedelta(seconds=1)).isoformat()) == 0
    assert replay(morgue, lane="other", died_before=now.isoformat()) == 0
    assert replay(morgue, lane="other", died_from=now.isoformat()) == 1
    assert replay(morgue, lane="once", died_before=now.isoformat()) == 3
    assert replay(morgue, lane="once") == 0
    assert numbers(morgue) == []
    assert morgue.value("select count(*) from outbox.queue") == 4


def test_a_replayed_message_has_all_its_lanes_attempts_again(morgue: Database, relay: Relay) -> None:
    declare(morgue, lane("once", delays=["0s", "1s"]), lane("other"))
    message_id = numbers(morgue)[0]
    replay(morgue, message_id=message_id)
    relay.report(relay.claim("once"), 503)
    assert queued(morgue, message_id)["attempts"] == 1


def test_a_late_report_of_the_first_life_does_not_count_in_the_second(shop: Database, relay: Relay) -> None:
    declare(shop, lane("once", delays=["0s"]))
    message_id = enqueue(shop, "once", "one")
    first = relay.claim("once")
    later(shop, minutes=2)
    assert relay.claim("once") == []
    assert state(shop, message_id) == "dead"
    shop.reload()
    replay(shop, message_id=message_id)
    [again] = relay.claim("once")
    assert relay.report(first, 200) == 0
    assert relay.report(again, 200) == 1


def test_a_result_that_was_given_up_goes_to_its_function_alone(shop: Database, relay: Relay) -> None:
    declare(shop, lane("once", delays=["0s"], result_function="take_results"))
    shop.reload()
    message_id = enqueue(shop, "once", "one")
    shop.owner.execute("insert into shop.faults values ('one', 'raise')")
    relay.report(relay.claim("once"), 200, body=b"paid")
    shop.value("select outbox.digest_results(10)")
    assert numbers(shop) == [message_id]
    shop.owner.execute("delete from shop.faults")
    assert replay(shop, message_id=message_id) == 1
    assert relay.claim("once") == []
    shop.value("select outbox.digest_results(10)")
    assert [(one["outcome"], one["body"]) for one in told(shop)] == [("delivered", b"paid")]


def test_a_message_goes_again_only_after_its_function_has_taken_its_death(
    shop: Database, relay: Relay
) -> None:
    """Else a delivery could be told first and the death after it."""
    declare(shop, lane("once", delays=["0s"], result_function="take_results"))
    shop.reload()
    message_id = enqueue(shop, "once", "one")
    shop.owner.execute("insert into shop.faults values ('one', 'raise')")
    relay.report(relay.claim("once"), 503)
    refusal = shop.call(admin, "replay_outbox_message", message_id=message_id)
    assert_says(refusal, "dead_letter_not_found")
    shop.value("select outbox.digest_results(10)")
    letters = "select what from outbox.dead_letters order by what"
    assert [row["what"] for row in shop.rows(letters)] == ["delivery", "result"]
    assert replay(shop, lane="once") == 1, "the result alone"
    assert relay.claim("once") == []
    shop.owner.execute("delete from shop.faults")
    shop.value("select outbox.digest_results(10)")
    assert replay(shop, lane="once") == 1
    relay.report(relay.claim("once"), 200)
    assert [one["outcome"] for one in told(shop)] == ["dead", "delivered"]


def test_what_has_expired_is_not_sent_again(shop: Database, relay: Relay) -> None:
    declare(shop, lane("once", delays=["0s"]))
    shop.reload()
    message_id = enqueue(shop, "once", "one", expires_at=shop.value("select core.now() + interval '1 h'"))
    relay.report(relay.claim("once"), 503)
    later(shop, hours=1)
    assert_says(shop.call(admin, "replay_outbox_message", message_id=message_id), "dead_letter_not_found")
    assert replay(shop, lane="once") == 0
    assert numbers(shop) == [message_id]


def test_what_is_no_dead_letter_and_no_lane_is_refused(morgue: Database) -> None:
    for message_id in (0, -1, 10**18, None):
        refusal = morgue.call(admin, "replay_outbox_message", message_id=message_id)
        assert_says(refusal, "dead_letter_not_found")
    for name in ("nowhere", "", None):
        assert_says(morgue.call(admin, "replay_outbox_lane", lane=name), "outbox_lane_not_found")
    assert len(numbers(morgue)) == 4


def test_a_waiting_message_is_called_off_and_told_of(shop: Database, relay: Relay) -> None:
    shop.reload()
    message_id = enqueue(shop, "letters", "one")
    answer = shop.call(admin, "cancel_outbox_message", message_id=message_id)
    assert (answer.body[0]["state"], answer.body[0]["message_key"]) == ("cancelled", "one")
    assert relay.claim("letters") == []
    assert [one["outcome"] for one in told(shop)] == ["cancelled"]
    assert events(shop, "letters") == ["cancelled"]
    assert_says(
        shop.call(admin, "cancel_outbox_message", message_id=message_id), "outbox_message_not_waiting"
    )


def test_a_message_that_is_being_sent_cannot_be_called_off(shop: Database, relay: Relay) -> None:
    shop.reload()
    message_id = enqueue(shop, "letters", "one")
    [claimed] = relay.claim("letters")
    refusal = shop.call(admin, "cancel_outbox_message", message_id=message_id)
    assert_says(refusal, "outbox_message_being_sent")
    later(shop, seconds=90)
    assert shop.call(admin, "cancel_outbox_message", message_id=message_id).ok, "nobody sends it any more"
    assert relay.report(claimed, 200) == 0
    assert state(shop, message_id) == "cancelled"


def test_a_message_that_failed_can_be_called_off(shop: Database, relay: Relay) -> None:
    shop.reload()
    message_id = enqueue(shop, "letters", "one")
    relay.report(relay.claim("letters"), 500)
    answer = shop.call(admin, "cancel_outbox_message", message_id=message_id)
    assert (answer.body[0]["state"], answer.body[0]["attempts"]) == ("cancelled", 1)


@pytest.mark.parametrize("person", [anon, walker(1), service], ids=lambda person: person.name)
def test_nobody_but_administrators_replays_cancels_or_looks(person: Any, morgue: Database) -> None:
    for rpc, arguments in (
        ("replay_outbox_lane", {"lane": "once"}),
        ("replay_outbox_message", {"message_id": numbers(morgue)[0]}),
        ("cancel_outbox_message", {"message_id": numbers(morgue)[0]}),
        ("outbox_status", {}),
    ):
        answer = morgue.call(person, rpc, **arguments)
        assert answer.status in (401, 403), answer
    assert len(numbers(morgue)) == 4


def test_the_status_of_lanes_tells_what_waits_and_what_was_given_up(morgue: Database, relay: Relay) -> None:
    enqueue(morgue, "once", "new")
    enqueue(morgue, "once", "newer")
    relay.claim("once", 1)
    rows = {row["lane"]: row for row in morgue.call(admin, "outbox_status").body}
    once = rows["once"]
    assert (once["waiting"], once["leased"], once["dead"], once["undigested"]) == (1, 1, 3, 0)
    assert (once["failures_of_last_50"], once["paused_until"], once["removed"]) == (3, None, False)
    assert rows["other"]["dead"] == 1
    assert rows["other"]["oldest_due_at"] is None
    assert rows["letters"]["removed"] is True
