"""Claims: steps of the day earn one ticket a threshold, whoever asks how often."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.harness.databases import Database
from tests.harness.people import Person, anon, walker
from tests.harness.server import ROOT
from tests.luckywalk.weeks import WEEK, claim, job, open_week, walk

THRESHOLDS = range(1000, 10_001, 1000)


def test_each_of_the_ten_thresholds_earns_one_ticket(week_db: Database, person: Person) -> None:
    walk(week_db, person, 10_000)
    claims = [claim(week_db, person, threshold) for threshold in THRESHOLDS]
    assert [c["step"] for c in claims] == list(THRESHOLDS)
    assert len({c["ticket_id"] for c in claims}) == 10
    tickets = week_db.call(person, "my_tickets", round_no=WEEK.round_no).rows
    assert {t["ticket_id"] for t in tickets} == {c["ticket_id"] for c in claims}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_threshold_is_reached_with_its_last_step_and_not_one_before(
    week_db: Database, person: Person, threshold: int
) -> None:
    walk(week_db, person, threshold - 1)
    refused = week_db.call(person, "claim_steps", threshold=threshold)
    assert (refused.status, refused.code) == (409, "not_enough_steps")
    assert refused.details["steps"] == threshold - 1
    walk(week_db, person, threshold)
    assert claim(week_db, person, threshold)["step"] == threshold


@pytest.mark.parametrize("threshold", [None, -1000, 0, 1, 999, 1001, 1500, 10_001, 11_000, 2**31 - 1])
def test_nothing_between_below_or_above_the_thresholds_is_claimed(
    week_db: Database, person: Person, threshold: int | None
) -> None:
    walk(week_db, person, 200_000)
    refused = week_db.call(person, "claim_steps", threshold=threshold)
    assert (refused.status, refused.code) == (400, "step_threshold_invalid")


def test_function_constraint_and_texts_have_the_same_thresholds(week_db: Database) -> None:
    assert week_db.value("select luckywalk.step_thresholds()") == list(THRESHOLDS)
    condition = week_db.value(
        "select pg_get_expr(conbin, conrelid) from pg_constraint "
        "where conname = 'claims_step_is_a_threshold' and conrelid = 'luckywalk.claims'::regclass"
    )
    allowed = week_db.value(
        f"select array_agg(step order by step) from generate_series(-1, 250000) as step where {condition}"
    )
    assert allowed == list(THRESHOLDS)
    errors = yaml.safe_load((ROOT / "functions/luckywalk/errors.yaml").read_text())
    for text in ("en", "ko", "hint"):
        said = [
            int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", errors["step_threshold_invalid"][text])
        ]
        assert (said[0], said[-1]) == (THRESHOLDS[0], THRESHOLDS[-1]), text


def test_a_repeated_claim_returns_the_first_and_its_numbers(week_db: Database, person: Person) -> None:
    walk(week_db, person)
    first = claim(week_db, person, 3000, [1, 2, 3, 4, 5, 6])
    assert claim(week_db, person, 3000) == first
    assert claim(week_db, person, 3000, [40, 41, 42, 43, 44, 45]) == first
    tickets = week_db.call(person, "my_tickets", round_no=WEEK.round_no).rows
    assert [t["numbers"] for t in tickets] == [[1, 2, 3, 4, 5, 6]]


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


def test_own_numbers_are_kept_and_shown_in_order(week_db: Database, person: Person) -> None:
    walk(week_db, person)
    assert claim(week_db, person, 1000, [45, 1, 7, 33, 12, 20])["numbers"] == [1, 7, 12, 20, 33, 45]


def test_without_numbers_the_ticket_is_a_quick_pick(week_db: Database, person: Person) -> None:
    walk(week_db, person)
    picks = [claim(week_db, person, threshold)["numbers"] for threshold in THRESHOLDS]
    for pick in picks:
        assert len(set(pick)) == 6
        assert pick == sorted(pick)
        assert set(pick) <= set(range(1, 46))
    assert len({tuple(pick) for pick in picks}) > 1


def test_thresholds_may_be_claimed_in_any_order(week_db: Database, person: Person) -> None:
    walk(week_db, person)
    assert claim(week_db, person, 9000)["step"] == 9000
    assert claim(week_db, person, 2000)["step"] == 2000


def test_two_walkers_claim_the_same_threshold_and_numbers(week_db: Database, person: Person) -> None:
    tickets = []
    for somebody in (person, walker(2)):
        walk(week_db, somebody)
        tickets.append(claim(week_db, somebody, 1000, [1, 2, 3, 4, 5, 6])["ticket_id"])
    assert len(set(tickets)) == 2


def test_somebody_elses_steps_earn_nothing(week_db: Database, person: Person) -> None:
    walk(week_db, person)
    assert week_db.call(walker(3), "claim_steps", threshold=1000).code == "not_enough_steps"


def test_the_highest_report_of_the_day_counts_in_whatever_order_reports_come(
    week_db: Database, person: Person
) -> None:
    reports = [(4000, 4000), (2500, 4000), (4000, 4000), (6100, 6100), (0, 6100)]
    for reported, counted in reports:
        assert week_db.call(person, "report_steps", steps=reported).row["steps"] == counted
    assert claim(week_db, person, 6000)["step"] == 6000


@pytest.mark.parametrize("steps", [None, -1, 200_001, 2**31 - 1])
def test_impossible_steps_are_refused_and_change_nothing(
    week_db: Database, person: Person, steps: int | None
) -> None:
    walk(week_db, person, 1200)
    refused = week_db.call(person, "report_steps", steps=steps)
    assert (refused.status, refused.code) == (400, "steps_invalid")
    assert week_db.call(person, "my_today").row["steps"] == 1200


@pytest.mark.parametrize("steps", [0, 200_000])
def test_the_bounds_of_a_days_steps_are_accepted(week_db: Database, person: Person, steps: int) -> None:
    assert week_db.call(person, "report_steps", steps=steps).row["steps"] == steps


@pytest.mark.parametrize(
    ("rpc", "arguments"),
    [("report_steps", {"steps": 1000}), ("claim_steps", {"threshold": 1000}), ("my_today", {})],
)
def test_who_is_not_signed_in_neither_walks_nor_claims(
    week_db: Database, rpc: str, arguments: dict[str, int]
) -> None:
    assert week_db.call(anon, rpc, **arguments).status == 401
