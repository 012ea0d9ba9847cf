"""Opening and closing wait for claims under way, and claims for them: none falls between two rounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.harness.bouncer import process_of
from tests.harness.databases import Database
from tests.harness.people import Person, admin, walker
from tests.luckywalk.by_hand import waits_for
from tests.luckywalk.merkle import root_of, tickets_of
from tests.luckywalk.weeks import SECOND, WEEK, WINNING, claim, job, open_week, partitions_ahead, walk


@contextmanager
def under_way(db: Database, person: Person, threshold: int = 1000) -> Iterator[psycopg.Connection[Any]]:
    """A claim that is done but not committed: the request's transaction is held open until the block ends."""
    with db.server.connect(db.name, user="authenticator") as connection, connection.transaction():
        connection.execute(
            "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            [json.dumps(dict(person.claims))],
        )
        connection.execute("select * from api.claim_steps(%s)", [threshold])
        yield connection


def waits(
    db: Database, holder: psycopg.Connection[Any] | int, act: Callable[[], Any], pool: ThreadPoolExecutor
) -> Future[Any]:
    """Starts it in a thread and returns once it waits for the holder's transaction."""
    future = pool.submit(act)
    assert waits_for(db, holder, unless=future.done), "it did not wait"
    return future


def test_a_closing_waits_for_a_claim_under_way_and_seals_its_ticket(db: Database) -> None:
    open_week(db)
    db.clock(WEEK.closes_at - SECOND)
    walk(db, walker(1))
    with ThreadPoolExecutor(1) as pool:
        with under_way(db, walker(1)) as claiming:
            db.clock(WEEK.closes_at)
            closing = waits(db, claiming, lambda: job(db, "close_round"), pool)
        assert closing.result(timeout=30)["total_tickets"] == 1
    assert db.value("select seal_root from luckywalk.rounds") == root_of(tickets_of(db, WEEK))
    assert not claim(db, walker(1))["is_banked"]


def test_a_claim_waits_for_a_closing_under_way_and_is_banked(db: Database) -> None:
    open_week(db)
    db.clock(WEEK.closes_at)
    walk(db, walker(1))
    with ThreadPoolExecutor(1) as pool, db.server.connect(db.name) as closing:
        with closing.transaction():
            closing.execute("select luckywalk.close_due_round(%s)", [WEEK.round_no])
            # A request that began before eight and comes late: its clock still says it is in time.
            late = waits(db, closing, lambda: begun_before_closing(db), pool)
        late.result(timeout=30)
    made = claim(db, walker(1))
    assert (made["round_no"], made["is_banked"]) == (WEEK.next.round_no, True)
    assert tickets_of(db, WEEK) == []


def begun_before_closing(db: Database) -> None:
    with db.server.connect(db.name) as connection, connection.transaction():
        connection.execute("update test_clock.moved_clock set moved_to = %s", [WEEK.closes_at - SECOND])
        connection.execute(
            "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            [json.dumps(dict(walker(1).claims))],
        )
        connection.execute("select * from api.claim_steps(1000)")


def test_numbers_entered_while_a_late_closing_is_under_way_wait_for_it(db: Database) -> None:
    open_week(db)
    db.clock(WEEK.draws_at)
    close = "select luckywalk.close_due_round(%s)"
    with (
        ThreadPoolExecutor(2) as pool,
        db.server.connect(db.name) as holding,
        db.server.connect(db.name) as closing,
    ):
        with closing.transaction():
            process = process_of(closing)
            with holding.transaction():
                holding.execute("lock table luckywalk.seal_chunks in share mode")
                # Held up in the middle of it: its round is not closed yet, but being sealed.
                closed = waits(db, holding, lambda: closing.execute(close, [WEEK.round_no]).fetchone(), pool)
                numbers = {"round_no": WEEK.round_no, "numbers": WINNING}
                entered = waits(db, process, lambda: db.call(admin, "enter_draw_result", **numbers), pool)
            assert closed.result(timeout=30) == (True,)
        assert entered.result(timeout=30).ok


def test_an_opening_waits_for_a_claim_being_banked_and_cashes_it(db: Database) -> None:
    db.clock(WEEK.opens_at - SECOND)
    walk(db, walker(1))
    with ThreadPoolExecutor(1) as pool:
        with under_way(db, walker(1)) as claiming:
            db.clock(WEEK.opens_at)
            opening = waits(db, claiming, lambda: job(db, "create_new_round"), pool)
        assert opening.result(timeout=30)["processed"] == 1
    assert len(tickets_of(db, WEEK)) == 1
    assert not claim(db, walker(1))["is_banked"]


def test_two_claims_that_open_the_round_wait_for_each_other_and_make_it_once(db: Database) -> None:
    db.clock(WEEK.opens_at)
    partitions_ahead(db)
    for number in (1, 2):
        walk(db, walker(number))
    with ThreadPoolExecutor(1) as pool:
        with under_way(db, walker(1)) as first:
            second = waits(db, first, lambda: claim(db, walker(2)), pool)
        assert second.result(timeout=30)["round_no"] == WEEK.round_no
    assert len(tickets_of(db, WEEK)) == 2
    assert db.value("select count(*) from luckywalk.rounds") == 1


def test_claims_of_one_round_do_not_wait_for_each_other(db: Database) -> None:
    open_week(db)
    for number in (1, 2, 3):
        walk(db, walker(number))
    claim(db, walker(3))  # the first of a month makes its partition, and is waited for
    db.connection.execute("set statement_timeout = '30s'")
    with under_way(db, walker(1)):
        assert not claim(db, walker(2))["is_banked"]
    assert len(tickets_of(db, WEEK)) == 3
