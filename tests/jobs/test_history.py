"""History: what is older than its days goes, but the last runs of each job."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.harness.databases import ZONE, Database
from tests.jobs.shop import declare, job, runs

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
HOUR = timedelta(hours=1)


def old_runs(quiet: Database, others: tuple[str, bool] = ("other", True)) -> None:
    """A job that ran six times, two months before anything is kept, and another one that never did."""
    name, enabled = others
    declare(quiet.owner, job("hourly"), job(name, enabled=enabled, catch_up="skip"), app="history")
    for hour in range(6):
        quiet.clock(TEN + hour * HOUR)
        quiet.run_job("hourly")
    quiet.clock(TEN + timedelta(days=150))
    quiet.owner.execute("select core.set_setting('jobs.history_runs', '3')")
    quiet.owner.execute("select jobs.settle_overdue()")
    quiet.owner.execute("delete from jobs.runs where status = 'queued'")


def test_the_last_runs_of_a_job_stay_however_old(quiet: Database) -> None:
    old_runs(quiet)
    assert quiet.value("select jobs.purge_history() -> 'runs'") == 3
    assert [run["slot_at"] for run in runs(quiet, "hourly")] == [TEN + hour * HOUR for hour in (3, 4, 5)]


def test_a_job_that_is_off_does_not_keep_the_history_of_the_others(quiet: Database) -> None:
    old_runs(quiet, ("other", False))
    assert quiet.value("select jobs.purge_history() -> 'runs'") == 3


def test_a_slot_that_may_still_be_caught_up_keeps_its_run(quiet: Database) -> None:
    old_runs(quiet)
    quiet.owner.execute(
        "update jobs.jobs set settled_until = %s where job_name = 'hourly'", [TEN + HOUR + HOUR / 2]
    )
    assert quiet.value("select jobs.purge_history() -> 'runs'") == 2
