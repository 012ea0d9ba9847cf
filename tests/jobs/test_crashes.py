"""Crashes: a run whose session is gone is found, and its slot is tried again or has failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.refusals import refused
from tests.harness.waiting import until
from tests.jobs.shop import attempts, declare, effects, events, job, recover, runs, watch

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)


def crash(quiet: Database, *, by_hand: bool = False, removed: bool = False, **changes: Any) -> None:
    """A run of the job `fragile` whose server process is ended in the middle of it."""
    declare(quiet.owner, job("fragile", routine="shop.work_slowly", **changes), app="crashes")
    if by_hand:
        quiet.owner.execute("select jobs.trigger_job('fragile')")
    else:
        quiet.clock(TEN)
    with quiet.as_cron() as session, ThreadPoolExecutor(1) as pool:
        call = b"call jobs.catch_up(0)" if by_hand else b"call jobs.run('fragile')"
        running = pool.submit(lambda: session.execute(call))
        asleep = "select wait_event = 'PgSleep' from pg_stat_activity where pid = %s"
        until(lambda: quiet.value(asleep, session.info.backend_pid))
        if removed:
            declare(quiet.owner, app="crashes")
        quiet.owner.execute("select pg_terminate_backend(%s, 10000)", [session.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            running.result(timeout=10)
    quiet.owner.execute("insert into shop.slowness values ('0')")


def test_a_crash_leaves_no_effect_is_found_by_the_watcher_and_the_slot_runs_again(quiet: Database) -> None:
    crash(quiet)
    assert effects(quiet) == 0
    assert [a["status"] for a in attempts(quiet, "fragile")] == ["running"]
    watch(quiet)
    [attempt] = attempts(quiet, "fragile")
    assert (attempt["status"], attempt["message"]) == ("crashed", "the session that ran it is gone")
    recover(quiet)
    assert [a["status"] for a in attempts(quiet, "fragile")] == ["crashed", "succeeded"]
    assert effects(quiet) == 1
    assert runs(quiet, "fragile")[0]["status"] == "succeeded"


def test_a_crash_after_the_last_attempt_is_a_failure_that_alerts(quiet: Database) -> None:
    crash(quiet, attempts=1)
    watch(quiet)
    [run] = runs(quiet, "fragile")
    assert (run["status"], run["reason"]) == ("failed", "the session that ran it is gone")
    assert events(quiet, "fragile") == ["crashed"]


def test_a_run_that_is_under_way_is_not_taken_for_crashed(quiet: Database) -> None:
    declare(quiet.owner, job("fragile", routine="shop.work_slowly"), app="crashes")
    quiet.clock(TEN)
    quiet.owner.execute("insert into shop.slowness values ('0.5 seconds')")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(quiet.run_job, "fragile")
        until(lambda: attempts(quiet, "fragile"))
        while not running.done():
            watch(quiet)
    run = running.result()
    assert run is not None
    assert (run["status"], run["attempts"]) == ("succeeded", 1)


def test_the_next_slot_runs_although_the_one_before_crashed(quiet: Database) -> None:
    crash(quiet)
    quiet.clock("2025-01-06 11:00")
    run = quiet.run_job("fragile")
    assert run is not None
    assert run["status"] == "succeeded"
    watch(quiet)
    assert [r["status"] for r in runs(quiet, "fragile")] == ["waiting", "succeeded"]


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_crashed_of_a_job_that_is_gone_fails_and_holds_nobody_up(by_hand: bool, quiet: Database) -> None:
    crash(quiet, by_hand=by_hand, removed=True)
    declare(quiet.owner, job("other"), app="others")
    quiet.owner.execute("select jobs.trigger_job('other')")
    recover(quiet)
    [run] = runs(quiet, "fragile")
    assert (run["status"], run["reason"]) == ("failed", "the job is no longer declared")
    assert [r["status"] for r in runs(quiet, "other")] == ["succeeded"]
    with refused("job_not_found"):
        quiet.owner.execute("select jobs.run_again(%s)", [run["run_id"]])
