"""A lane is on its own: what holds one up holds up no other."""

from __future__ import annotations

from time import monotonic

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
