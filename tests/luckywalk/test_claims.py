"""Claims: steps of the day earn one ticket a threshold, whoever asks how often."""

from __future__ import annotations

import pytest

from tests.harness.databases import Database
from tests.harness.people import anon, walker
from tests.luckywalk.weeks import WEEK, claim, job, open_week, walk

THRESHOLDS = range(1000, 10_001, 1000)


def test_each_of_the_ten_thresholds_earns_one_ticket(db: Database) -> None:
    open_week(db)
    walk(db, walker(1), 10_000)
    claims = [claim(db, walker(1), threshold) for threshold in THRESHOLDS]
    assert [c["step"] for c in claims] == list(THRESHOLDS)
    assert len({c["ticket_id"] for c in claims}) == 10
    tickets = db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows
    assert {t["ticket_id"] for t in tickets} == {c["ticket_id"] for c in claims}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_threshold_is_reached_with_its_last_step_and_not_one_before(db: Database, threshold: int) -> None:
    open_week(db)
    walk(db, walker(1), threshold - 1)
    refused = db.call(walker(1), "claim_steps", threshold=threshold)
    assert (refused.status, refused.code) == (409, "not_enough_steps")
    assert refused.details["steps"] == threshold - 1
    walk(db, walker(1), threshold)
    assert claim(db, walker(1), threshold)["step"] == threshold


@pytest.mark.parametrize("threshold", [None, -1000, 0, 1, 999, 1001, 1500, 10_001, 11_000, 2**31 - 1])
def test_nothing_between_below_or_above_the_thresholds_is_claimed(
    db: Database, threshold: int | None
) -> None:
    open_week(db)
    walk(db, walker(1), 200_000)
    refused = db.call(walker(1), "claim_steps", threshold=threshold)
    assert (refused.status, refused.code) == (400, "threshold_invalid")


def test_a_repeated_claim_returns_the_first_and_its_numbers(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))
    first = claim(db, walker(1), 3000, [1, 2, 3, 4, 5, 6])
    assert claim(db, walker(1), 3000) == first
    assert claim(db, walker(1), 3000, [40, 41, 42, 43, 44, 45]) == first
    assert db.value("select count(*) from luckywalk.tickets") == 1


def test_a_repeated_claim_returns_the_first_also_after_its_round_closed(db: Database) -> None:
    open_week(db)
    db.clock(WEEK.at(0, "19:00"))
    walk(db, walker(1))
    first = claim(db, walker(1), 3000)
    db.clock(WEEK.closes_at)
    assert claim(db, walker(1), 3000) == first
    job(db, "close_round")
    assert claim(db, walker(1), 3000, [1, 2, 3, 4, 5, 6]) == first
    assert not first["is_banked"]


def test_own_numbers_are_kept_and_shown_in_order(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))
    assert claim(db, walker(1), 1000, [45, 1, 7, 33, 12, 20])["numbers"] == [1, 7, 12, 20, 33, 45]


def test_without_numbers_the_ticket_is_a_quick_pick(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))
    picks = [claim(db, walker(1), threshold)["numbers"] for threshold in THRESHOLDS]
    for pick in picks:
        assert len(set(pick)) == 6
        assert pick == sorted(pick)
        assert set(pick) <= set(range(1, 46))
    assert len({tuple(pick) for pick in picks}) > 1


def test_thresholds_may_be_claimed_in_any_order(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))
    assert claim(db, walker(1), 9000)["step"] == 9000
    assert claim(db, walker(1), 2000)["step"] == 2000


def test_two_walkers_claim_the_same_threshold_and_numbers(db: Database) -> None:
    open_week(db)
    tickets = []
    for person in (walker(1), walker(2)):
        walk(db, person)
        tickets.append(claim(db, person, 1000, [1, 2, 3, 4, 5, 6])["ticket_id"])
    assert len(set(tickets)) == 2


def test_somebody_elses_steps_earn_nothing(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))
    assert db.call(walker(2), "claim_steps", threshold=1000).code == "not_enough_steps"


def test_the_highest_report_of_the_day_counts_in_whatever_order_reports_come(db: Database) -> None:
    open_week(db)
    reports = [(4000, 4000), (2500, 4000), (4000, 4000), (6100, 6100), (0, 6100)]
    for reported, counted in reports:
        assert db.call(walker(1), "report_steps", steps=reported).row["steps"] == counted
    assert claim(db, walker(1), 6000)["step"] == 6000


@pytest.mark.parametrize("steps", [None, -1, 200_001, 2**31 - 1])
def test_impossible_steps_are_refused_and_change_nothing(db: Database, steps: int | None) -> None:
    open_week(db)
    walk(db, walker(1), 1200)
    refused = db.call(walker(1), "report_steps", steps=steps)
    assert (refused.status, refused.code) == (400, "steps_invalid")
    assert db.call(walker(1), "my_today").row["steps"] == 1200


@pytest.mark.parametrize("steps", [0, 200_000])
def test_the_bounds_of_a_days_steps_are_accepted(db: Database, steps: int) -> None:
    open_week(db)
    assert db.call(walker(1), "report_steps", steps=steps).row["steps"] == steps


@pytest.mark.parametrize(
    ("door", "arguments"),
    [("report_steps", {"steps": 1000}), ("claim_steps", {"threshold": 1000}), ("my_today", {})],
)
def test_who_is_not_signed_in_neither_walks_nor_claims(
    db: Database, door: str, arguments: dict[str, int]
) -> None:
    assert db.call(anon, door, **arguments).status == 401
