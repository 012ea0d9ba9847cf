"""Retention: history goes by age and number, each job's by its own; what may still come again stays."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.harness.databases import ZONE, Database
from tests.jobs.shop import declare, job

NINE = datetime(2025, 1, 6, 9, tzinfo=ZONE)


def test_a_job_that_is_off_does_not_keep_the_others_history(quiet: Database) -> None:
    declare(quiet.owner, job("busy"), job("resting", enabled=False), app="retention")
    quiet.clock(NINE + timedelta(days=400))
    quiet.owner.execute("select jobs.settle('busy', core.now())")
    # Twice as many runs as are kept by number, all beyond the age.
    quiet.owner.execute(
        "insert into jobs.runs (job_name, slot_at, status, trigger, finished_at) "
        "select n.name, %s + i * interval '1 hour', 'succeeded', 'schedule', now() "
        "from generate_series(1, 200) as i cross join (values ('busy'), ('resting')) as n (name)",
        [NINE],
    )
    quiet.owner.execute("select jobs.purge_history()")
    kept = (
        "select count(*) from jobs.runs where job_name = %s and status = 'succeeded' and trigger = 'schedule'"
    )
    assert quiet.value(kept, "busy") < 200
    assert quiet.value(kept, "resting") == 200, "its slots from here on are not accounted for"
