"""The business day begins at 00:00:00 in Seoul: a new day is the reset, even when no job runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.harness.databases import Database
from tests.harness.people import Person, walker
from tests.luckywalk.weeks import SECOND, WEEK, claim, job, open_week, walk

MIDNIGHT = WEEK.at(2, "00:00")  # Thursday
LAST_MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("before", [SECOND, LAST_MOMENT])
def test_midnight_in_seoul_parts_two_days_to_the_second(db: Database, before: timedelta) -> None:
    open_week(db)
    db.clock(MIDNIGHT - before)
    walk(db, walker(1), 10_000)
    evening = claim(db, walker(1), 1000)
    assert evening["day"] == "2025-01-01"

    db.clock(MIDNIGHT)
    today = db.call(walker(1), "my_today").row
    assert today["day"] == "2025-01-02"
    assert (today["steps"], today["claimed"], today["claimable"]) == (0, [], [])
    assert today["next_threshold"] == 1000
    assert db.call(walker(1), "claim_steps", threshold=1000).code == "not_enough_steps"

    walk(db, walker(1), 1000)
    morning = claim(db, walker(1), 1000)
    assert morning["day"] == "2025-01-02"
    assert morning["ticket_id"] != evening["ticket_id"]


@pytest.mark.parametrize(
    ("time_of_day", "day"),
    [("00:00:00", "2025-01-02"), ("08:59:59", "2025-01-02"), ("09:00:00", "2025-01-02")],
)
def test_the_morning_in_seoul_belongs_to_its_own_day_and_not_to_utcs(
    module_db: Database, person: Person, time_of_day: str, day: str
) -> None:
    module_db.clock(WEEK.at(2, time_of_day))
    assert module_db.call(person, "report_steps", steps=10).row == {"day": day, "steps": 10}


def test_yesterdays_thresholds_are_gone_at_midnight(db: Database) -> None:
    open_week(db)
    db.clock(MIDNIGHT - SECOND)
    walk(db, walker(1), 10_000)
    db.clock(MIDNIGHT)
    assert db.call(walker(1), "claim_steps", threshold=1000).code == "not_enough_steps"
    assert db.value("select count(*) from luckywalk.claims") == 0


def test_a_new_day_costs_nothing_for_those_who_do_not_come(db: Database) -> None:
    open_week(db)
    for number in range(20):
        walk(db, walker(number), 5000)
    yesterday = db.rows("select s.*, s.xmin::text from luckywalk.daily_progress as s order by s.user_id")
    db.clock(MIDNIGHT)
    for name in ("close_round", "draw_apply_results", "settle_round"):
        assert job(db, name)["processed"] == 0
    assert (
        db.rows("select s.*, s.xmin::text from luckywalk.daily_progress as s order by s.user_id") == yesterday
    )
    walk(db, walker(1), 100)
    assert db.value("select count(*) from luckywalk.daily_progress") == len(yesterday) + 1


def test_a_walkers_days_cross_a_month_and_a_year_without_any_job(db: Database) -> None:
    for clock in ("2024-12-31 23:59:59", "2025-01-01 00:00:00", "2025-01-31 12:00", "2025-03-01 12:00"):
        db.clock(clock)
        walk(db, walker(1), 1000)
        assert claim(db, walker(1), 1000)["day"] == clock[:10]
