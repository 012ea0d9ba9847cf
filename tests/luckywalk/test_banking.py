"""From closing to the next opening a claim is banked with its numbers: the clock decides, not the jobs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import walker
from tests.luckywalk.weeks import (
    LOSING,
    SECOND,
    WEEK,
    WINNING,
    buy,
    claim,
    close_week,
    job,
    open_week,
    partitions_ahead,
    walk,
)


def tickets(db: Database) -> list[dict[str, Any]]:
    return db.rows("select * from luckywalk.tickets order by ticket_id")


def test_closing_time_parts_two_rounds_to_the_second_even_when_no_job_closes(db: Database) -> None:
    open_week(db)
    db.clock(WEEK.closes_at - SECOND)
    walk(db, walker(1))
    last = claim(db, walker(1), 1000)
    assert (last["round_no"], last["is_banked"]) == (WEEK.round_no, False)
    db.clock(WEEK.closes_at)
    first = claim(db, walker(1), 2000)
    assert (first["round_no"], first["is_banked"]) == (WEEK.next.round_no, True)
    assert db.value("select status from luckywalk.rounds") == "open"
    assert [str(t["ticket_id"]) for t in tickets(db)] == [last["ticket_id"]]


@pytest.mark.parametrize("job_is_late", [False, True], ids=["closed on time", "close job late"])
def test_a_banked_claim_keeps_its_id_and_numbers_and_becomes_a_ticket_of_the_next_round(
    db: Database, job_is_late: bool
) -> None:
    open_week(db)
    db.clock(WEEK.closes_at)
    if not job_is_late:
        close_week(db)
    walk(db, walker(1))
    own, quick = claim(db, walker(1), 1000, LOSING), claim(db, walker(1), 2000)
    assert own["is_banked"]
    assert quick["is_banked"]
    assert own["numbers"] == LOSING
    assert len(set(quick["numbers"])) == 6
    assert tickets(db) == []

    open_week(db, WEEK.next)
    now = {t["ticket_id"]: t for t in db.call(walker(1), "my_tickets", round_no=WEEK.next.round_no).rows}
    for banked in (own, quick):
        ticket = now[banked["ticket_id"]]
        assert (ticket["numbers"], ticket["is_banked"]) == (banked["numbers"], False)
        assert ticket["created_at"] == banked["claimed_at"]
    assert len(now) == len(tickets(db)) == 2


def test_a_banked_claim_repeated_returns_the_first_before_and_after_it_is_a_ticket(db: Database) -> None:
    db.clock(WEEK.closes_at)
    walk(db, walker(1))
    banked = claim(db, walker(1), 1000)
    assert claim(db, walker(1), 1000, LOSING) == banked
    db.clock(WEEK.next.at(6, "12:29:59"))
    walk(db, walker(1))
    sunday = claim(db, walker(1), 1000)
    open_week(db, WEEK.next)
    assert claim(db, walker(1), 1000, LOSING) == {**sunday, "is_banked": False}
    assert len(tickets(db)) == 2


def test_a_sunday_mornings_claim_is_banked_for_the_round_that_opens_at_noon(db: Database) -> None:
    open_week(db)
    close_week(db)
    for number, clock in enumerate(("00:00", "11:00", "12:29:59")):
        db.clock(WEEK.next.at(6, clock))
        walk(db, walker(number))
        banked = claim(db, walker(number))
        assert (banked["round_no"], banked["is_banked"]) == (WEEK.next.round_no, True)


def test_a_claim_that_opens_the_round_cashes_those_banked_before_it(db: Database) -> None:
    db.clock(WEEK.closes_at)
    partitions_ahead(db)
    for number in (1, 2):
        walk(db, walker(number))
        claim(db, walker(number), 1000, LOSING)
    db.clock(WEEK.next.opens_at)
    walk(db, walker(3))
    assert not claim(db, walker(3), 1000, WINNING)["is_banked"]
    stored = tickets(db)
    assert {t["round_no"] for t in stored} == {WEEK.next.round_no}
    assert len(stored) == 3


def test_claims_wait_through_weeks_in_which_no_round_was_made(db: Database) -> None:
    week = WEEK
    for weeks_without_a_round in (1, 2, 5):
        open_week(db, week)
        close_week(db, week)
        walk(db, walker(1))
        banked = claim(db, walker(1), 1000, LOSING)
        later = week.next
        for _ in range(weeks_without_a_round):
            db.clock(later.closes_at)
            assert job(db, "close_round")["processed"] == 0
            later = later.next
        open_week(db, later)
        (ticket,) = db.call(walker(1), "my_tickets", round_no=later.round_no).rows
        assert (ticket["ticket_id"], ticket["numbers"]) == (banked["ticket_id"], LOSING)
        assert db.call(walker(1), "my_tickets", round_no=week.next.round_no).rows == []
        close_week(db, later)
        week = later.next
    assert len(tickets(db)) == 3


def test_claims_of_a_saturday_night_without_any_round_are_banked(db: Database) -> None:
    db.clock(WEEK.at(0, "23:59:59"))
    walk(db, walker(1))
    assert claim(db, walker(1))["round_no"] == WEEK.next.round_no
    open_week(db, WEEK.next)
    assert len(tickets(db)) == 1


def test_a_round_that_was_made_but_never_opened_is_opened_and_closed_with_what_was_banked(
    db: Database,
) -> None:
    db.clock(WEEK.opens_at - SECOND)
    walk(db, walker(1))
    banked = claim(db, walker(1), 1000, LOSING)
    db.owner.execute("insert into luckywalk.rounds select (luckywalk.planned_round(%s)).*", [WEEK.round_no])
    close_week(db)
    assert db.rows("select status, total_tickets from luckywalk.rounds") == [
        {"status": "closed", "total_tickets": 1}
    ]
    (ticket,) = db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows
    assert (ticket["ticket_id"], ticket["is_banked"]) == (banked["ticket_id"], False)


def test_banked_tickets_are_sealed_and_drawn_like_all_others(db: Database) -> None:
    db.clock(WEEK.closes_at)
    buy(db, walker(1), WINNING)
    open_week(db, WEEK.next)
    buy(db, walker(2), LOSING)
    close_week(db, WEEK.next)
    assert db.value("select total_tickets from luckywalk.rounds") == 2
