"""pg_cron's GMT line wakes a job at every slot that it has in local time, whatever the zone does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dotbase.render.declarations.schedule import gmt_schedule
from tests.harness.databases import Database
from tests.harness.depth import deeper, depth
from tests.harness.refusals import rolled_back
from tests.jobs.schedules import SCHEDULES, ZONES
from tests.jobs.shop import declare, job

# Days around which the zones above change their offsets, and ordinary ones.
DAYS = st.sampled_from(
    [datetime(2025, m, d) for m, d in [(3, 8), (3, 29), (4, 5), (9, 27), (10, 4), (10, 25), (11, 1)]]
    + [datetime(2024, 2, 27), datetime(2025, 1, 30), datetime(2025, 7, 15)]
)


def wakes_at(gmt: str, slot: datetime) -> bool:
    """Whether this GMT line fires at the moment."""
    return bool(next(CronSim(gmt, slot - timedelta(seconds=1))) == slot)


@deeper
@settings(max_examples=depth(20, 100), deadline=None)
@given(schedule=SCHEDULES, zone=st.sampled_from(ZONES), day=DAYS)
@example(schedule="0 12 1 * 0,2,4,6", zone="Asia/Seoul", day=datetime(2025, 1, 30))
@example(schedule="0 12 1-31 * 1", zone="Asia/Seoul", day=datetime(2025, 1, 30))
@example(schedule="0 12 */2 * 1", zone="UTC", day=datetime(2025, 1, 30))
@example(schedule="30 2 * * *", zone="America/New_York", day=datetime(2025, 3, 8))
@example(schedule="30 1 * * 0", zone="Australia/Lord_Howe", day=datetime(2025, 4, 5))
def test_every_local_slot_is_a_moment_of_the_gmt_line(
    schedule: str, zone: str, day: datetime, module_db: Database
) -> None:
    try:
        CronSim(schedule, day)
    except CronSimError:
        assume(False)
    with rolled_back(module_db.owner):
        declare(module_db.owner, job("sampled", schedule, zone=zone))
        slots = module_db.rows(
            "select jobs.slots_between('sampled', %s, %s) as slot_at",
            day.replace(tzinfo=UTC),
            day.replace(tzinfo=UTC) + timedelta(days=5),
        )
    gmt = gmt_schedule(schedule, zone)
    step = max(1, len(slots) // 60)
    for row in islice(slots, 0, None, step):
        assert wakes_at(gmt, row["slot_at"].astimezone(UTC)), (gmt, row["slot_at"])


@pytest.mark.parametrize(
    ("schedule", "gmt"),
    [
        ("0 0 * * *", "0 15 * * *"),
        ("0 2 * * 0", "0 17 * * 6"),
        ("30 12 * * 0", "30 3 * * 0"),
        ("*/5 * * * *", "*/5 * * * *"),
    ],
)
def test_where_gmt_can_say_it_the_line_is_exact(schedule: str, gmt: str) -> None:
    assert gmt_schedule(schedule, "Asia/Seoul") == gmt


def test_where_gmt_cannot_say_it_the_line_wakes_too_often_and_the_slots_decide() -> None:
    """02:00 on the first of the month in Seoul is 17:00 GMT on the last day of the month before."""
    gmt = gmt_schedule("0 2 1 * *", "Asia/Seoul")
    assert gmt == "0 17 * * *"
