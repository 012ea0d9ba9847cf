"""A closing against fifty claiming sessions: every accepted claim is one ticket or banked, none lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.postgrest import Postgrest
from tests.luckywalk.merkle import root_of, tickets_of
from tests.luckywalk.weeks import SECOND, WEEK, Week, claim, job, open_week, walk

pytestmark = pytest.mark.usefixtures("many_sessions")

SESSIONS = 50
CLAIMS_EACH = 3
# How many claims were answered when the closing came.
ANSWERED_BEFORE = [pytest.param(number, marks=pytest.mark.deep) for number in (0, 5, 140)] + [60]


def claim_while_closing(
    db: Database, sessions: list[Postgrest], answered_before: int
) -> list[dict[str, Any]]:
    """All sessions claim; after this many answers the clock strikes eight and the round is closed."""
    answers = threading.Semaphore(0)
    start = threading.Barrier(SESSIONS + 1)

    def claims(number: int) -> list[dict[str, Any]]:
        start.wait(timeout=30)
        made = []
        for threshold in range(1000, 1000 * CLAIMS_EACH + 1, 1000):
            made.append(claim(sessions[number], walker(number), threshold))
            answers.release()
        return made

    def close() -> None:
        start.wait(timeout=30)
        for _ in range(answered_before):
            answers.acquire()
        db.clock(WEEK.closes_at)
        with db.as_cron() as connection:
            connection.execute("call jobs.run('close_round')")

    with ThreadPoolExecutor(SESSIONS + 1) as pool:
        closing = pool.submit(close)
        made = [one for all_of_one in pool.map(claims, range(SESSIONS)) for one in all_of_one]
        closing.result()
    return made


@pytest.mark.parametrize("answered_before", ANSWERED_BEFORE)
def test_a_closing_against_fifty_claiming_sessions_loses_and_doubles_none(
    db: Database, answered_before: int
) -> None:
    open_week(db)
    db.clock(WEEK.closes_at - SECOND)
    with db.sessions(SESSIONS) as sessions:
        for number, session in enumerate(sessions):
            walk(session, walker(number))
        made = claim_while_closing(db, sessions, answered_before)

    assert len(made) == SESSIONS * CLAIMS_EACH
    in_time = {c["ticket_id"] for c in made if not c["is_banked"]}
    banked = {c["ticket_id"] for c in made if c["is_banked"]}
    assert len(in_time) + len(banked) == len(made)
    assert {c["round_no"] for c in made if not c["is_banked"]} <= {WEEK.round_no}
    assert {c["round_no"] for c in made if c["is_banked"]} <= {WEEK.next.round_no}
    assert len(in_time) >= answered_before
    assert banked or answered_before > 5  # else the race was none

    sealed = tickets_of(db, WEEK)
    assert {str(ticket.ticket_id) for ticket in sealed} == in_time
    (round_,) = db.rows("select status, total_tickets, seal_root from luckywalk.rounds")
    assert round_ == {"status": "closed", "total_tickets": len(in_time), "seal_root": root_of(sealed)}

    open_week(db, WEEK.next)
    assert {str(ticket.ticket_id) for ticket in tickets_of(db, WEEK.next)} == banked
    assert db.value("select count(*) from luckywalk.tickets") == len(made)
    assert db.value("select count(*) from luckywalk.claims where banked_mask is not null") == 0


def test_an_opening_against_fifty_claiming_sessions_loses_and_doubles_none(db: Database) -> None:
    db.clock(WEEK.opens_at - SECOND)
    with db.sessions(SESSIONS) as sessions:
        for number, session in enumerate(sessions):
            walk(session, walker(number))
            claim(session, walker(number), 1000)

        def act(number: int) -> dict[str, Any]:
            if number == SESSIONS // 2:
                db.clock(WEEK.opens_at)
                job(db, "create_new_round")
            return claim(sessions[number], walker(number), 2000)

        with ThreadPoolExecutor(SESSIONS) as pool:
            made = list(pool.map(act, range(SESSIONS)))

    assert all(c["round_no"] == WEEK.round_no for c in made)
    stored = tickets_of(db, WEEK)
    waiting = db.value("select count(*) from luckywalk.claims where banked_mask is not null")
    assert (len(stored), waiting) == (2 * SESSIONS, 0)


def test_ten_closings_at_once_are_one(db: Database) -> None:
    open_week(db)
    buy_for_ten(db)
    db.clock(WEEK.closes_at)
    closed = db.race(10, lambda _, number: close_by_hand(db, number))
    assert sorted(closed) == [False] * 9 + [True]
    assert db.value("select total_tickets from luckywalk.rounds") == 10
    assert db.value("select count(*) from luckywalk.seal_nodes") == 1


def buy_for_ten(db: Database, week: Week = WEEK) -> None:
    db.clock(week.opens_at)
    for number in range(10):
        walk(db, walker(number))
        claim(db, walker(number))


def close_by_hand(db: Database, number: int) -> bool:
    with db.server.connect(db.name) as connection:
        row = connection.execute("select luckywalk.close_due_round(%s)", [WEEK.round_no]).fetchone()
    assert row is not None
    return bool(row[0])
