"""A walker's day and tickets, as the walker's own screen shows them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness.databases import Database
from tests.harness.people import Person, walker
from tests.luckywalk.weeks import (
    LOSING,
    SECOND,
    WEEK,
    WINNING,
    buy,
    claim,
    close_week,
    draw_week,
    job,
    open_week,
    settle_week,
    walk,
)


@pytest.mark.parametrize(
    ("steps", "claimable", "next_threshold"),
    [
        (0, [], 1000),
        (999, [], 1000),
        (1000, [1000], 2000),
        (5432, [1000, 2000, 3000, 4000, 5000], 6000),
        (9999, list(range(1000, 10_000, 1000)), 10_000),
        (10_000, list(range(1000, 10_001, 1000)), None),
        (200_000, list(range(1000, 10_001, 1000)), None),
    ],
)
def test_the_day_shows_what_can_be_claimed_and_what_comes_next(
    week_db: Database, person: Person, steps: int, claimable: list[int], next_threshold: int | None
) -> None:
    walk(week_db, person, steps)
    today = week_db.call(person, "my_today").row
    assert (today["steps"], today["claimed"]) == (steps, [])
    assert today["claimable"] == claimable
    assert today["next_threshold"] == next_threshold


def test_everything_shown_claimable_can_be_claimed_and_then_shows_as_claimed(
    week_db: Database, person: Person
) -> None:
    walk(week_db, person, 4700)
    claim(week_db, person, 2000)
    today = week_db.call(person, "my_today").row
    assert (today["claimed"], today["claimable"]) == ([2000], [1000, 3000, 4000])
    for threshold in today["claimable"]:
        claim(week_db, person, threshold)
    today = week_db.call(person, "my_today").row
    assert (today["claimed"], today["claimable"]) == ([1000, 2000, 3000, 4000], [])
    assert today["tickets"] == 4


def test_a_day_is_looked_at_by_get_without_a_trace(week_db: Database, person: Person) -> None:
    assert week_db.get(person, "my_today").row["steps"] == 0
    assert (
        week_db.value("select count(*) from luckywalk.daily_progress where user_id = %s", person.user_id) == 0
    )


def test_the_day_names_the_round_that_a_claim_would_go_to(db: Database) -> None:
    def round_shown() -> tuple[int, str | None, str]:
        today = db.call(walker(1), "my_today").row
        return today["round_no"], today["round_status"], today["closes_at"]

    def utc(week_offset: int) -> str:
        week = WEEK if week_offset == 0 else WEEK.next
        return f"{week.saturday}T11:00:00+00:00"

    db.clock(WEEK.opens_at - SECOND)
    assert round_shown() == (WEEK.round_no, None, utc(0))
    open_week(db)
    assert round_shown() == (WEEK.round_no, "open", utc(0))
    db.clock(WEEK.closes_at - SECOND)
    assert round_shown() == (WEEK.round_no, "open", utc(0))
    db.clock(WEEK.closes_at)
    assert round_shown() == (WEEK.next.round_no, None, utc(1))
    close_week(db)
    assert round_shown() == (WEEK.next.round_no, None, utc(1))
    open_week(db, WEEK.next)
    assert round_shown() == (WEEK.next.round_no, "open", utc(1))


def test_the_round_shown_is_the_one_that_a_claim_goes_to(db: Database) -> None:
    moments: list[Callable[[], object]] = [
        lambda: db.clock(WEEK.opens_at - SECOND),
        lambda: open_week(db),
        lambda: db.clock(WEEK.closes_at),
        lambda: close_week(db),
        lambda: db.clock(WEEK.next.at(6, "00:00")),
        lambda: open_week(db, WEEK.next),
    ]
    for number, arrive in enumerate(moments):
        arrive()
        walk(db, walker(number))
        shown = db.call(walker(number), "my_today").row["round_no"]
        assert claim(db, walker(number))["round_no"] == shown
        assert db.call(walker(number), "my_today").row["tickets"] == 1


def test_tickets_are_listed_oldest_first(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))
    expected = []
    for minute, threshold in enumerate((3000, 1000, 2000), start=31):
        db.clock(WEEK.at(6, f"12:{minute}"))
        expected.append(claim(db, walker(1), threshold)["ticket_id"])
    tickets = db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows
    assert [t["ticket_id"] for t in tickets] == expected
    assert {(t["tier"], t["prize"], t["is_banked"]) for t in tickets} == {(None, None, False)}


def test_a_walker_sees_no_ticket_of_another(week_db: Database, people: Callable[[int], list[Person]]) -> None:
    first, second = people(2)
    buy(week_db, first, None)
    assert week_db.call(second, "my_tickets", round_no=WEEK.round_no).rows == []
    assert week_db.call(second, "my_today").row["tickets"] == 0


@pytest.mark.parametrize("round_no", [None, -1, 0, 1, 999_999])
def test_a_round_without_tickets_lists_none(week_db: Database, person: Person, round_no: int | None) -> None:
    assert week_db.call(person, "my_tickets", round_no=round_no).rows == []


def test_tier_and_prize_show_once_the_round_is_drawn(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, LOSING)
    expected = {tuple(WINNING): (1, 1_000_000), tuple(LOSING): (None, None)}

    def shown() -> dict[tuple[int, ...], tuple[int | None, int | None]]:
        tickets = db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows
        return {tuple(t["numbers"]): (t["tier"], t["prize"]) for t in tickets}

    assert set(shown().values()) == {(None, None)}
    draw_week(db)
    assert shown() == expected
    settle_week(db)
    assert shown() == expected


def test_a_banked_claim_is_listed_in_its_round_to_come(db: Database) -> None:
    db.clock(WEEK.closes_at)
    walk(db, walker(1))
    banked = claim(db, walker(1), 1000, LOSING)
    tickets = db.call(walker(1), "my_tickets", round_no=WEEK.next.round_no).rows
    assert [(t["ticket_id"], t["numbers"], t["is_banked"]) for t in tickets] == [
        (banked["ticket_id"], LOSING, True)
    ]
    open_week(db, WEEK.next)
    assert job(db, "close_round")["processed"] == 0
    (ticket,) = db.call(walker(1), "my_tickets", round_no=WEEK.next.round_no).rows
    assert ticket == {**tickets[0], "is_banked": False}
