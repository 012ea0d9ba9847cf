"""Results: a function gets each end once, where the message ends; if it fails, it alone is tried again."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import psycopg
import pytest

from tests.harness.databases import Database
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
    state,
    told,
)

Relays = Callable[[], Relay]


def fault(shop: Database, key: str, kind: str) -> None:
    shop.owner.execute("insert into shop.faults values (%s, %s)", [key, kind])


def undigested(shop: Database) -> list[tuple[str, int]]:
    rows = shop.rows(
        "select m.message_key, u.tries from outbox.undigested as u "
        "inner join outbox.messages as m using (message_id) order by 1"
    )
    return [(row["message_key"], row["tries"]) for row in rows]


def digest(shop: Database) -> None:
    assert shop.value("select outbox.digest_results(500)")


def test_a_function_gets_the_whole_response_of_many_messages_at_once(shop: Database, relay: Relay) -> None:
    person = uuid.uuid4()
    enqueue(shop, "letters", "one", user_id=person)
    enqueue(shop, "letters", "two")
    one, two = relay.claim("letters")
    relay.report_each(
        [
            (one, {"status": 201, "headers": {"x-id": "7"}, "body": b'{"paid": true}'}),
            (two, {"status": 404, "body": b""}),
        ]
    )
    first, second = told(shop)
    assert (first["message_key"], first["user_id"], first["outcome"], first["status"]) == (
        "one",
        person,
        "delivered",
        201,
    )
    assert (first["headers"], first["body"], first["batch"]) == ({"x-id": "7"}, b'{"paid": true}', 2)
    assert (second["outcome"], second["status"], second["body"]) == ("refused", 404, b"")


def test_a_message_that_goes_on_is_not_told_of(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    relay.report(relay.claim("letters"), 500)
    assert told(shop) == []


def test_the_end_and_what_the_function_did_are_committed_together(shop: Database, relays: Relays) -> None:
    message_id = enqueue(shop, "letters", "one")
    crashed = relays()
    [claimed] = crashed.claim("letters")
    crashed.connection.execute("begin")
    crashed.report(claimed, 200)
    crashed.close()
    assert (state(shop, message_id), told(shop)) == ("leased", [])
    assert relays().report(claimed, 200) == 1
    assert (state(shop, message_id), len(told(shop))) == ("delivered", 1)


def test_a_repeated_report_tells_nobody_again(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    claimed = relay.claim("letters")
    for _ in range(3):
        relay.report(claimed, 200)
    assert len(told(shop)) == 1


@pytest.mark.parametrize("kind", ["raise", "assert", "defer"])
def test_one_result_that_fails_keeps_no_other_from_being_taken(
    kind: str, shop: Database, relay: Relay
) -> None:
    for key in ("one", "two", "three"):
        enqueue(shop, "letters", key)
    fault(shop, "two", kind)
    claimed = relay.claim("letters")
    assert relay.report(claimed, 200, body=b"paid") == 3
    assert [(one["message_key"], one["batch"]) for one in told(shop)] == [("one", 1), ("three", 1)]
    assert undigested(shop) == [("two", 1)]
    # Outcome and response are committed all the same, and the request is not sent again.
    [attempt] = attempts(shop, claimed[1].message_id)
    assert (attempt["ended"], attempt["response_body"]) == ("delivered", b"paid")
    later(shop, days=9)
    assert relay.claim("letters") == []


def test_a_failed_result_is_handed_over_again_by_the_lanes_delays(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    fault(shop, "one", "raise")
    relay.report(relay.claim("letters"), 200, headers={"a": "b"}, body=b"paid")
    digest(shop)
    assert undigested(shop) == [("one", 1)], "it is not due yet"
    later(shop, seconds=5)
    digest(shop)
    assert undigested(shop) == [("one", 2)]
    shop.owner.execute("delete from shop.faults")
    later(shop, seconds=299)
    digest(shop)
    assert told(shop) == []
    later(shop, seconds=1)
    digest(shop)
    [one] = told(shop)
    assert (one["outcome"], one["status"], one["headers"], one["body"]) == (
        "delivered",
        200,
        {"a": "b"},
        b"paid",
    )
    assert undigested(shop) == []
    digest(shop)
    assert len(told(shop)) == 1


def test_a_result_that_always_fails_is_dead_in_the_end_and_nothing_was_sent_again(
    shop: Database, relay: Relay
) -> None:
    message_id = enqueue(shop, "letters", "one")
    fault(shop, "one", "raise")
    relay.report(relay.claim("letters"), 200)
    for _ in range(20):
        later(shop, days=1)
        digest(shop)
        assert relay.claim("letters") == []
    assert undigested(shop) == []
    [letter] = shop.rows("select what, reason from outbox.dead_letters where message_id = %s", message_id)
    assert letter == {"what": "result", "reason": "P0001 the shop is closed"}
    assert events(shop, "letters") == ["dead"]
    assert len(attempts(shop, message_id)) == 1
    assert state(shop, message_id) == "delivered"


def test_a_job_tries_them_too(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    fault(shop, "one", "raise")
    relay.report(relay.claim("letters"), 200)
    shop.owner.execute("delete from shop.faults")
    shop.owner.execute("select jobs.set_live(true)")
    later(shop, minutes=1)
    run = shop.run_job("digest_results")
    assert run is not None
    assert (run["status"], run["processed"]) == ("succeeded", 1)
    assert len(told(shop)) == 1


def test_a_deferred_constraint_is_deferred_again_for_the_next_call(shop: Database, relay: Relay) -> None:
    """What one call checked at once must not be checked too early in the next."""
    declare(
        shop,
        lane("letters", result_function="take_results"),
        lane("parcels", result_function="take_results"),
    )
    enqueue(shop, "letters", "one")
    enqueue(shop, "parcels", "child")
    fault(shop, "child", "family")
    assert relay.report([*relay.claim("letters"), *relay.claim("parcels")], 200) == 2
    assert undigested(shop) == []
    assert len(told(shop)) == 2


def test_a_function_that_is_cancelled_keeps_nobody_waiting_for_each(shop: Database, relay: Relay) -> None:
    for key in ("one", "two", "three"):
        enqueue(shop, "letters", key)
    fault(shop, "two", "hang")
    claimed = relay.claim("letters")
    relay.connection.execute("set statement_timeout = '500ms'")
    assert relay.report(claimed, 200) == 3
    assert [key for key, _ in undigested(shop)] == ["one", "three", "two"]
    later(shop, seconds=5)
    shop.owner.execute("update shop.faults set kind = 'raise'")
    digest(shop)
    assert [key for key, _ in undigested(shop)] == ["two"], "each was tried alone"
    assert {one["batch"] for one in told(shop)} == {1}


def test_a_function_that_is_gone_loses_no_result(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    claimed = relay.claim("letters")
    shop.owner.execute("alter function shop.take_results rename to elsewhere")
    assert relay.report(claimed, 200) == 1
    assert undigested(shop) == [("one", 1)]
    shop.owner.execute("alter function shop.elsewhere rename to take_results")
    later(shop, seconds=5)
    digest(shop)
    assert len(told(shop)) == 1


def test_a_lane_that_wants_no_results_any_more_gets_none(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    fault(shop, "one", "raise")
    relay.report(relay.claim("letters"), 200)
    declare(shop, lane("letters"))
    later(shop, seconds=5)
    digest(shop)
    assert undigested(shop) == []
    assert shop.value("select count(*) from outbox.dead_letters") == 0


def test_a_result_function_may_send_what_comes_next(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    fault(shop, "one", "enqueue")
    relay.report(relay.claim("letters"), 200, body=b"[1]")
    [answer] = relay.claim("letters")
    assert (answer.body, answer.url) == (b"[1]", f"https://{HOST}/")
    assert (
        shop.value("select message_key from outbox.messages order by message_id desc limit 1")
        == "answer to one"
    )


def test_a_result_function_runs_without_our_planner_settings(shop: Database, relay: Relay) -> None:
    shop.owner.execute(
        "create or replace function shop.take_results(results outbox.result[]) returns void "
        "language plpgsql as $$ begin insert into shop.told (message_id, message_key, outcome, batch) "
        "select r.message_id, r.message_key, concat_ws(' ', current_setting('enable_hashjoin'), "
        "current_setting('enable_mergejoin'), current_setting('enable_seqscan'), "
        "current_setting('enable_bitmapscan')), 1 from unnest(results) as r; end $$"
    )
    enqueue(shop, "letters", "one")
    enqueue(shop, "letters", "two", expires_at=shop.value("select core.now() + interval '1 s'"))
    relay.report(relay.claim("letters", 1), 200)
    later(shop, seconds=1)
    relay.claim("letters")
    assert [one["outcome"] for one in told(shop)] == ["on on on on", "on on on on"]


def test_results_of_the_next_batch_do_not_wait_for_those_that_failed(shop: Database, relay: Relay) -> None:
    enqueue_many(shop, "letters", 10)
    fault(shop, "1", "raise")
    relay.report(relay.claim("letters", 5), 200)
    relay.report(relay.claim("letters", 5), 200)
    assert [one["message_key"] for one in told(shop)] == [str(number) for number in range(2, 11)]


def test_two_jobs_at_once_hand_a_result_over_once(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    fault(shop, "one", "raise")
    relay.report(relay.claim("letters"), 200)
    shop.owner.execute("delete from shop.faults")
    later(shop, seconds=5)
    with shop.server.connect(shop.name) as first:
        first.execute("begin")
        first.execute("select outbox.digest_results(500)")
        digest(shop)
        first.execute("commit")
    assert len(told(shop)) == 1


def test_the_error_of_a_function_is_kept_with_its_state(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    fault(shop, "one", "defer")
    relay.report(relay.claim("letters"), 200)
    [row] = shop.rows("select sqlstate, reason from outbox.undigested")
    assert row["sqlstate"] == psycopg.errors.ForeignKeyViolation.sqlstate
    assert "children_parent_id_fkey" in row["reason"]
