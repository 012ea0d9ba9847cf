"""Slots: the moments that a schedule means on a clock in Seoul, as a library for cron has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dotbase.render.declarations.schedule import parse
from tests.harness.databases import ZONE, Database
from tests.harness.depth import deeper, depth
from tests.harness.figures import count
from tests.harness.refusals import refused, rolled_back
from tests.jobs.schedules import MOMENTS, SCHEDULES, ZONES
from tests.jobs.shop import declare, job

# Their clocks change by half an hour, at a quarter to an hour, or (until 2011) a minute past it.
OFF_THE_HOUR = {"Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns"}
SPANS = st.one_of(
    st.timedeltas(timedelta(0), timedelta(days=2)), st.timedeltas(timedelta(0), timedelta(days=40))
)


def declare_in(db: Database, schedule: str, zone: str = "Asia/Seoul") -> None:
    declare(db.owner, job("sampled", schedule, zone=zone))


def by_cronsim(schedule: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """The slots after one moment, up to another.

    It begins two days earlier, since cronsim takes a beginning that the clock shows twice as the
    first of the two, and so names slots that lie before a beginning in the second.
    """
    if zone in OFF_THE_HOUR and parse(schedule).elapsed:
        return by_the_minute(schedule, zone, after, until)
    begun = CronSim(schedule, (after - timedelta(days=2)).astimezone(ZoneInfo(zone)))
    found = {at.astimezone(UTC) for at in takewhile(lambda at: at.astimezone(UTC) <= until, begun)}
    return sorted(at for at in found if after < at <= until)


def by_the_minute(schedule: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """The minutes whose local time cronsim names, for a zone whose clock changes off the hour.

    There cronsim itself goes on in whole hours of elapsed time, and misses a part of one.
    """
    minute = timedelta(minutes=1)
    found, at = [], after.replace(second=0, microsecond=0) + minute
    while at <= until:
        local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if next(CronSim(schedule, local - minute)) == local:
            found.append(at)
        at += minute
    return found


@deeper
@settings(max_examples=depth(40, 400), deadline=None)
@given(schedule=SCHEDULES, zone=st.sampled_from(ZONES), moment=MOMENTS, span=SPANS)
@example(schedule="* 2 * * *", zone="Pacific/Chatham", moment=datetime(2009, 4, 4), span=timedelta(days=2))
@example(
    schedule="*/10 0,23 * * *",
    zone="America/St_Johns",
    moment=datetime(2009, 10, 31),
    span=timedelta(days=2),
)
def test_the_slots_of_any_schedule_in_any_zone_are_cronsims(
    schedule: str, zone: str, moment: datetime, span: timedelta, module_db: Database
) -> None:
    after = moment.replace(tzinfo=UTC)
    if zone in OFF_THE_HOUR:
        span = min(span, timedelta(days=2))
    try:
        expected = by_cronsim(schedule, zone, after, after + span)
    except CronSimError:
        assume(False)
    with rolled_back(module_db.owner):
        declare_in(module_db, schedule, zone)
        rows = module_db.rows("select jobs.slots_between('sampled', %s, %s) as slot_at", after, after + span)
    count("slots compared with cronsim's", len(expected))
    assert [row["slot_at"].astimezone(UTC) for row in rows] == expected


@deeper
@settings(max_examples=depth(15, 100), deadline=None)
@given(schedule=SCHEDULES, zone=st.sampled_from(ZONES), moment=MOMENTS)
def test_the_latest_slot_is_the_last_of_those_before(
    schedule: str, zone: str, moment: datetime, module_db: Database
) -> None:
    until = moment.replace(tzinfo=UTC)
    try:
        days = 2 if zone in OFF_THE_HOUR else 70
        expected = by_cronsim(schedule, zone, until - timedelta(days=days), until)[-1:]
    except CronSimError:
        assume(False)
    assume(expected)
    with rolled_back(module_db.owner):
        declare_in(module_db, schedule, zone)
        assert module_db.value("select jobs.latest_slot('sampled', %s)", until) == expected[0]


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


def test_the_next_slots_are_those_that_follow_in_order(db: Database) -> None:
    declare_in(db, "30 12 * * sun")
    db.clock("2025-01-04 20:00")
    rows = db.rows("select jobs.next_slots('sampled', 3) as slot_at")
    days = [row["slot_at"].astimezone(ZONE).isoformat() for row in rows]
    assert days == ["2025-01-05T12:30:00+09:00", "2025-01-12T12:30:00+09:00", "2025-01-19T12:30:00+09:00"]


def test_a_slot_that_comes_once_in_many_years_is_found(db: Database) -> None:
    """29 February on a Sunday or Thursday, as both day fields must match when one begins with a star."""
    declare_in(db, "0 9 29 2 */4")
    db.clock("2025-01-06 09:00")
    rows = db.rows("select jobs.next_slots('sampled', 2) as slot_at")
    assert [row["slot_at"].astimezone(ZONE).date().isoformat() for row in rows] == [
        "2032-02-29",
        "2052-02-29",
    ]


@pytest.mark.parametrize("n", [0, -5, None])
def test_no_slots_are_asked_for_or_one(n: int | None, module_db: Database) -> None:
    with rolled_back(module_db.owner):
        declare_in(module_db, "0 9 * * *")
        rows = module_db.rows("select jobs.next_slots('sampled', %s) as slot_at", n)
    assert len(rows) == (1 if n is None else 0)


def test_next_slots_stop_at_a_thousand(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        declare_in(module_db, "* * * * *")
        assert module_db.value("select count(*) from jobs.next_slots('sampled', 2147483647)") == 1000


@pytest.mark.parametrize(
    ("schedule", "local", "slots"),
    [
        # 9 March 2025, New York: 02:00 becomes 03:00; 2 November: 02:00 becomes 01:00.
        ("30 2 * * *", "2025-03-09", ["03:00-04:00"]),
        ("0,15,30,45 2 * * *", "2025-03-09", ["03:00-04:00"]),
        ("30 1 * * *", "2025-11-02", ["01:30-04:00"]),
        ("*/30 1 * * *", "2025-11-02", ["01:00-04:00", "01:30-04:00", "01:00-05:00", "01:30-05:00"]),
        ("0 */12 * * *", "2025-11-02", ["00:00-04:00", "12:00-05:00"]),
        ("*/30 2 * * *", "2025-03-09", []),
    ],
)
def test_a_fixed_time_runs_once_when_the_clock_changes_and_a_star_follows_elapsed_time(
    schedule: str, local: str, slots: list[str], module_db: Database
) -> None:
    zone = ZoneInfo("America/New_York")
    midnight = datetime.fromisoformat(local).replace(tzinfo=zone)
    end = (midnight + timedelta(days=1)).astimezone(UTC)
    with rolled_back(module_db.owner):
        declare_in(module_db, schedule, "America/New_York")
        rows = module_db.rows(
            "select jobs.slots_between('sampled', %s, %s) as slot_at",
            midnight.astimezone(UTC) - timedelta(seconds=1),
            end - timedelta(seconds=1),
        )
    found = [row["slot_at"].astimezone(zone).isoformat(timespec="minutes")[11:] for row in rows]
    assert found == slots
