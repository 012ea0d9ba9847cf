"""A lane is on its own: what holds one up holds up no other."""

from __future__ import annotations

from time import monotonic, sleep

import pytest

from dotbase.relay.lanes import Auth, Lane
from dotbase.relay.reporting import MOST_UNTOLD
from tests.harness.databases import Database
from tests.harness.target import OWNER
from tests.harness.waiting import until
from tests.relay.receiver import Receiver
from tests.relay.relaying import declare, enqueue, enqueue_many, lane, open_shop, relaying, run_once, state

SLOW_RESULTS = """
create function shop.take_slowly(results outbox.result[]) returns void language sql volatile
set search_path = pg_catalog, pg_temp
as $$ select pg_sleep(30) $$
"""


def test_a_lane_that_hangs_holds_up_no_other(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("stuck", receiver, in_flight=5), lane("payments", receiver))
    enqueue_many(db, "stuck", 500, "/hang")
    with relaying(db):
        until(lambda: len(receiver.got("/hang")) == 5, 20)
        began = monotonic()
        payment = enqueue(db, "payments", "/ok")
        until(lambda: state(db, payment) == "delivered", 10)
        assert monotonic() - began < 5
        assert len(receiver.got("/hang")) == 5


def test_a_result_function_that_hangs_holds_up_no_other_lane(db: Database, receiver: Receiver) -> None:
    open_shop(db)
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(SLOW_RESULTS.encode())
    declare(db, lane("stuck", receiver, result_function="take_slowly"), lane("payments", receiver))
    enqueue(db, "stuck", "/ok")
    with relaying(db):
        until(lambda: receiver.got("/ok"), 20)
        payments = [enqueue(db, "payments", f"/ok/{i}") for i in range(3)]
        until(lambda: {state(db, payment) for payment in payments} == {"delivered"}, 10)


def test_nothing_more_is_sent_while_its_reports_wait(db: Database, receiver: Receiver) -> None:
    """Their leases would end, and all of it would be sent again."""
    open_shop(db)
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(SLOW_RESULTS.encode())
    declare(db, lane("stuck", receiver, result_function="take_slowly", in_flight=50, keys="none"))
    enqueue_many(db, "stuck", 3 * MOST_UNTOLD)
    with relaying(db):
        until(lambda: len(receiver.requests) > MOST_UNTOLD, 30)
        seen = -1
        while seen < len(receiver.requests):
            seen = len(receiver.requests)
            sleep(1)
        # And what was leased before: under way, ahead, and one claim.
        assert seen <= MOST_UNTOLD + 3 * 50


def test_no_more_requests_are_under_way_than_the_lane_allows(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, in_flight=7))
    enqueue_many(db, "letters", 60, "/slow/0.02")
    run_once(db)
    assert receiver.most_at_once == 7
    assert len(receiver.requests) == 60


def test_only_the_lanes_that_were_named_are_served(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver), lane("pushes", receiver), lane("alarms", receiver))
    for name in ("letters", "pushes", "alarms"):
        enqueue(db, name, f"/ok/{name}")
    run_once(db, "--lane", "letters", "--lane", "alarms")
    assert sorted(request.path for request in receiver.requests) == ["/ok/alarms", "/ok/letters"]


def test_lanes_come_change_and_go_while_a_relay_runs(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    with relaying(db) as relay:
        declare(db, lane("letters", receiver, response_limit=4), lane("pushes", receiver))
        until(lambda: relay.lines("lane changed") and len(relay.lines("lane begins")) == 2, 20)
        delivered, refused = enqueue(db, "pushes", "/ok"), enqueue(db, "letters", "/ok")
        until(lambda: state(db, delivered) == "delivered" and state(db, refused) == "refused", 20)
        declare(db, lane("letters", receiver))
        until(lambda: relay.lines("lane gone"), 20)
        relay.stop()


def test_a_message_that_is_due_earlier_and_committed_later_is_found(db: Database, receiver: Receiver) -> None:
    """The relay's low mark has passed it."""
    open_shop(db, lane("letters", receiver))
    with relaying(db):
        first = enqueue(db, "letters", "/ok/first")
        until(lambda: state(db, first) == "delivered", 20)
        late = enqueue(db, "letters", "/ok/late")
        db.owner.execute(
            "update outbox.queue set due_at = due_at - interval '1 hour' where message_id = %s", [late]
        )
        until(lambda: state(db, late) == "delivered", 20)


def test_what_a_result_function_enqueues_is_sent_by_the_same_once(db: Database, receiver: Receiver) -> None:
    """Into a lane that had nothing to do before."""
    open_shop(db)
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(
            f"""
            create function shop.answer(results outbox.result[]) returns void language sql volatile
            set search_path = pg_catalog, pg_temp
            as $$
                select outbox.enqueue('answers', r.message_key, '{receiver.host}', r.body, '/ok/answer')
                from unnest(answer.results) as r
            $$
            """.encode()
        )
    declare(db, lane("letters", receiver, result_function="answer"), lane("answers", receiver))
    enqueue(db, "letters", "/ok")
    run_once(db)
    assert [request.path for request in receiver.requests] == ["/ok", "/ok/answer"]


@pytest.mark.parametrize(
    ("left", "seconds"), [(60, 10), (11, 10), (10, 9), (6, 5), (5.9, None), (0, None), (-5, None)]
)
def test_a_request_ends_before_its_lease_or_does_not_begin(left: float, seconds: float | None) -> None:
    """A second is for the report; with less than half of its time a request has little hope."""
    lane = Lane("letters", (), Auth("none"), 1, 1, 1, request_timeout=10, lease=60)
    assert lane.seconds_for(leased_until=1000 + left, now=1000) == seconds


def test_a_lease_that_is_hardly_longer_than_a_request_leaves_what_there_is_for_the_report() -> None:
    lane = Lane("letters", (), Auth("none"), 1, 1, 1, request_timeout=10, lease=10.5)
    assert lane.seconds_for(leased_until=1010.5, now=1000) == 10


def test_a_lane_of_another_version_is_told_and_left_alone(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver), lane("later", receiver))
    db.owner.execute("""update outbox.lanes set auth = '{"kind": "passkey"}' where lane = 'later'""")
    message_id = enqueue(db, "letters", "/ok")
    relay = run_once(db)
    assert state(db, message_id) == "delivered"
    assert [line["lane"] for line in relay.lines("lane not understood")] == ["later"]
