"""Policy latest: one slot, the newest, stands for all that were missed; none runs after a newer one."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.harness.databases import ZONE, Database
from tests.jobs.shop import catch_up, declare, events, job, missed, runs, watch

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SOON = timedelta(seconds=2)


def begun(quiet: Database, schedule: str, step: timedelta) -> None:
    """A job that ran at ten."""
    quiet.clock(TEN - step + SOON)
    declare(quiet.owner, job("sampled", schedule, catch_up="latest"), app="latest")
    quiet.clock(TEN)
    watch(quiet)
    quiet.run_job("sampled")


def ran(quiet: Database) -> list[tuple[datetime, str]]:
    """The slots that ran, in the order in which they did."""
    found = sorted(runs(quiet, "sampled"), key=lambda run: run["run_id"])
    return [(run["slot_at"], run["trigger"]) for run in found if run["status"] == "succeeded"]


def test_what_was_missed_before_a_slot_that_ran_in_time_is_superseded_by_it(quiet: Database) -> None:
    begun(quiet, "0 * * * *", HOUR)
    quiet.clock(TEN + 3 * HOUR + SOON)
    watch(quiet)
    quiet.run_job("sampled")
    quiet.clock(TEN + 3 * HOUR + 2 * MINUTE)
    catch_up(quiet)
    assert ran(quiet) == [(TEN, "schedule"), (TEN + 3 * HOUR, "schedule")]
    assert missed(quiet, "sampled") == [(TEN + HOUR, TEN + 2 * HOUR, 2, "down", "superseded")]


def test_minutes_that_come_while_the_job_runs_are_caught_up_as_one(quiet: Database) -> None:
    begun(quiet, "* * * * *", MINUTE)
    quiet.clock(TEN + SOON)
    with quiet.as_cron() as busy:
        number = busy.execute("select jobs.lock_job('sampled')").fetchone()
        for minute in range(10):
            quiet.clock(TEN + minute * MINUTE + SOON)
            watch(quiet)
            catch_up(quiet)
        busy.execute("select jobs.unlock_job(%s)", number)
    catch_up(quiet)
    assert ran(quiet) == [(TEN, "schedule"), (TEN + 7 * MINUTE, "catch_up")]
    assert [m[:3] + m[4:] for m in missed(quiet, "sampled")] == [
        (TEN + MINUTE, TEN + 6 * MINUTE, 6, "superseded")
    ]


def test_what_waits_for_its_turn_is_superseded_by_the_next_slot(quiet: Database) -> None:
    begun(quiet, "0 * * * *", HOUR)
    quiet.clock(TEN + 2 * HOUR + 30 * MINUTE)
    watch(quiet)
    # Queued, but catch_up is busy with other jobs.
    quiet.owner.execute("select jobs.reconcile_overdue()")
    quiet.clock(TEN + 3 * HOUR + SOON)
    quiet.run_job("sampled")
    catch_up(quiet)
    assert ran(quiet) == [(TEN, "schedule"), (TEN + 3 * HOUR, "schedule")]
    assert [m[2:] for m in missed(quiet, "sampled")] == [(1, "down", "superseded")] * 2
    assert events(quiet, "sampled") == ["missed", "missed"]


def test_what_a_person_asked_for_is_not_superseded(quiet: Database) -> None:
    begun(quiet, "0 * * * *", HOUR)
    quiet.clock(TEN + 2 * HOUR + 30 * MINUTE)
    slot = TEN + 2 * HOUR
    quiet.owner.execute("select jobs.trigger_job('sampled', '2025-01-06T03:00:00Z')")
    quiet.clock(TEN + 3 * HOUR + SOON)
    quiet.run_job("sampled")
    catch_up(quiet)
    assert (slot, "owner") in ran(quiet)
