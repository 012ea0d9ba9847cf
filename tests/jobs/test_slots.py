"""Slots: the moments that a schedule means on a clock in Seoul, as a library for cron has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.harness.databases import ZONE, Database
from tests.harness.refusals import refused, rolled_back
from tests.jobs.schedules import SCHEDULES
from tests.jobs.shop import declare, job

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=ZONE))
SPANS = st.one_of(
    st.timedeltas(timedelta(0), timedelta(days=2)), st.timedeltas(timedelta(0), timedelta(days=40))
)


def declare_in(db: Database, schedule: str, zone: str = "Asia/Seoul") -> None:
    declare(db.owner, job("sampled", schedule, zone=zone))


@settings(max_examples=150, deadline=None)
@given(schedule=SCHEDULES, after=MOMENTS, span=SPANS)
def test_the_slots_of_any_schedule_in_seoul_are_cronsims(
    schedule: str, after: datetime, span: timedelta, module_db: Database
) -> None:
    until = after + span
    try:
        following = CronSim(schedule, after)
    except CronSimError:
        assume(False)
    expected = list(takewhile(lambda at: at <= until, following))
    with rolled_back(module_db.owner):
        declare_in(module_db, schedule)
        rows = module_db.rows("select jobs.slots_between('sampled', %s, %s) as slot_at", after, until)
    assert [row["slot_at"] for row in rows] == expected


@settings(max_examples=60, deadline=None)
@given(schedule=SCHEDULES, until=MOMENTS)
def test_the_latest_slot_of_any_schedule_in_seoul_is_cronsims(
    schedule: str, until: datetime, module_db: Database
) -> None:
    try:
        expected = next(CronSim(schedule, until + timedelta(microseconds=1), reverse=True))
    except CronSimError:
        assume(False)
    with rolled_back(module_db.owner):
        declare_in(module_db, schedule)
        assert module_db.value("select jobs.latest_slot('sampled', %s)", until) == expected


@pytest.mark.parametrize(
    ("schedule", "at"),
    [
        ("*/5 * * * *", "2025-01-04 20:50"),
        ("30 12 * * 0", "2025-01-05 12:30"),
        ("0 0 1 * *", "2025-01-01 00:00"),
        ("0 0 29 2 *", "2024-02-29 00:00"),
        ("0 2 1 * *", "2025-01-01 02:00"),
    ],
)
def test_a_slot_belongs_to_the_span_that_ends_with_it_and_not_to_the_one_that_begins(
    schedule: str, at: str, module_db: Database
) -> None:
    slot = datetime.fromisoformat(at).replace(tzinfo=ZONE)
    minute = timedelta(minutes=1)
    with rolled_back(module_db.owner):
        declare_in(module_db, schedule)
        query = "select array_agg(s) from jobs.slots_between('sampled', %s, %s) as s"
        assert module_db.value(query, slot - minute, slot) == [slot]
        assert module_db.value(query, slot, slot + minute) is None
        assert module_db.value("select jobs.latest_slot('sampled', %s)", slot) == slot
        before = module_db.value("select jobs.latest_slot('sampled', %s)", slot - timedelta(microseconds=1))
        assert before < slot


def test_the_weekly_draw_is_at_the_same_local_time_through_daylight_saving(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        declare_in(module_db, "30 12 * * 0", zone="America/New_York")
        rows = module_db.rows(
            "select jobs.slots_between('sampled', '2025-01-01', '2025-12-31') "
            "at time zone 'America/New_York' as local"
        )
    assert len(rows) == 52
    assert {(row["local"].weekday(), row["local"].hour, row["local"].minute) for row in rows} == {(6, 12, 30)}


def test_the_zone_of_the_session_does_not_move_slots(db: Database) -> None:
    declare_in(db, "0 0 * * *")
    seen = set()
    for zone in ("UTC", "America/New_York", "Pacific/Kiritimati"):
        db.owner.execute("select set_config('timezone', %s, false)", [zone])
        slot = db.value("select jobs.latest_slot('sampled', '2025-01-06 12:00+00')")
        seen.add(slot.astimezone(UTC))
    assert seen == {datetime(2025, 1, 5, 15, tzinfo=UTC)}


def test_slots_of_no_job_are_refused(module_db: Database) -> None:
    for query in (
        "select jobs.slots_between('none', now(), now())",
        "select jobs.latest_slot('none', now())",
    ):
        with refused("job_not_found"), rolled_back(module_db.owner):
            module_db.owner.execute(query.encode())
