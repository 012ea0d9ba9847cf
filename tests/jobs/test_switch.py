"""Switching a job off: that one and no other, also where there is no pg_cron to take it off."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.refusals import refused
from tests.jobs.shop import catch_up, declare, events, job, missed, runs

OFF = "select job_name from jobs.jobs where switched_off"


def test_one_job_is_switched_off_and_on_again(db: Database) -> None:
    assert db.rows(OFF) == []
    db.value("select jobs.set_enabled('draw_apply_results', false)")
    assert db.rows(OFF) == [{"job_name": "draw_apply_results"}]
    db.value("select jobs.set_enabled('draw_apply_results', true)")
    assert db.rows(OFF) == []


@pytest.mark.parametrize("enabled", [True, False])
def test_a_job_that_nobody_declared_cannot_be_switched(module_db: Database, enabled: bool) -> None:
    with refused("job_not_found"):
        module_db.owner.execute("select jobs.set_enabled('no_such_job', %s)", [enabled])
    assert module_db.rows(OFF) == []


@pytest.mark.parametrize("switch", ["set_enabled('sampled', %s)", "set_live(%s)"])
def test_what_waited_while_the_job_was_off_does_not_run_weeks_later(switch: str, quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values ('40001', 1)")
    declare(
        quiet.owner,
        job(
            "sampled", routine="shop.stumble", catch_up="all", catch_up_age="1 day", time_limit="0.1 seconds"
        ),
        app="switch",
    )
    ten = datetime(2025, 1, 6, 10, tzinfo=ZONE)
    quiet.clock(ten)
    quiet.run_job("sampled")
    quiet.clock(ten + timedelta(hours=2, minutes=30))
    quiet.owner.execute("select jobs.reconcile_overdue()")
    assert [run["status"] for run in runs(quiet, "sampled")] == ["waiting", "queued", "queued"]
    quiet.owner.execute(f"select jobs.{switch}".encode(), [False])
    quiet.clock(ten + timedelta(days=20, minutes=30))
    quiet.owner.execute(f"select jobs.{switch}".encode(), [True])
    quiet.owner.execute("update jobs.runs set due_at = clock_timestamp() where due_at is not null")
    catch_up(quiet)
    [run] = runs(quiet, "sampled")
    assert (run["status"], run["reason"]) == ("failed", "too old to be tried again: stumbled")
    assert [m[2] for m in missed(quiet, "sampled") if m[4] == "too_old"] == [1, 1]
    assert "failed" in events(quiet, "sampled")
