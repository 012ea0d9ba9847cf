"""Removal: what is left of a job that is no longer declared has an end with a reason, and stalls nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.waiting import until
from tests.jobs.shop import catch_up, declare, job, runs, watch

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
GONE = "the job is no longer declared"


@pytest.fixture
def two(quiet: Database) -> Database:
    """A job that fails and will be removed, and one that stays."""
    declare(quiet.owner, job("going", routine="shop.fail"), app="going")
    declare(quiet.owner, job("staying"), app="staying")
    quiet.clock(TEN)
    return quiet


def queue(db: Database, name: str) -> Any:
    return db.value("select (jobs.trigger_job(%s)).run_id", name)


def test_a_run_of_a_removed_job_is_not_run_again(two: Database) -> None:
    run = two.run_job("going")
    assert run is not None
    declare(two.owner, app="going")
    with pytest.raises(psycopg.Error, match="There is no such job"):
        two.owner.execute("select jobs.run_again(%s)", [run["run_id"]])
    queue(two, "staying")
    catch_up(two)
    assert runs(two, "staying")[0]["status"] == "succeeded"


def test_what_crashed_after_its_job_was_removed_ends_and_stalls_nobody(two: Database) -> None:
    declare(two.owner, job("going", routine="shop.work_slowly"), app="going")
    queue(two, "going")
    asleep = "select exists (select from pg_stat_activity where wait_event = 'PgSleep' and pid = %s)"
    with two.as_cron() as session, ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: session.execute("call jobs.catch_up(0)"))
        until(lambda: two.value(asleep, session.info.backend_pid))
        declare(two.owner, app="going")
        two.owner.execute("select pg_terminate_backend(%s, 10000)", [session.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            running.result(timeout=10)
    watch(two)
    assert runs(two, "going")[0]["status"] == "waiting"
    two.owner.execute("update jobs.runs set due_at = clock_timestamp() where status = 'waiting'")
    queue(two, "staying")
    catch_up(two)
    assert (runs(two, "going")[0]["status"], runs(two, "going")[0]["reason"]) == ("failed", GONE)
    assert runs(two, "staying")[0]["status"] == "succeeded"
