"""Renames: with `was` a job keeps its history, switch, cursor and lock under its new name, once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.refusals import refused
from tests.harness.target import CRON
from tests.harness.waiting import until
from tests.jobs.shop import attempts, catch_up, declare, events, job, missed, runs, watch

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
HOUR = timedelta(hours=1)
ASLEEP = (
    "select exists (select from pg_stat_activity"
    " where wait_event = 'PgSleep' and usename = %s and datname = current_database())"
)
TRIGGER = "select jobs.trigger_job('old', '2025-01-06T00:00:00Z')"
WAITS = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"


def registered(db: Database, name: str) -> dict[str, Any] | None:
    """The job's row, but for what declares it."""
    found = db.rows(
        "select job_no, switched_off, reconciled_until, next_slot_at, removed_at from jobs.jobs"
        " where job_name = %s",
        name,
    )
    return found[0] if found else None


def lived_through(db: Database, name: str, **changes: Any) -> None:
    """A job with a run that failed, slots that were missed, the events of both, and switched off."""
    declare(db.owner, job(name, routine="shop.fail", catch_up="skip", **changes))
    db.clock(TEN)
    db.run_job(name)
    db.clock(TEN + 3 * HOUR + timedelta(minutes=30))
    db.owner.execute("select jobs.reconcile_overdue()")
    db.owner.execute("select jobs.set_enabled(%s, false)", [name])


@contextmanager
def running(db: Database, name: str) -> Iterator[None]:
    """The job is at work in a session of pg_cron's, until the block has ended and let it go on."""
    db.owner.execute("insert into shop.slowness values ('1 minute')")
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(db.run_job, name)
        until(lambda: db.value(ASLEEP, CRON))
        try:
            yield
        finally:
            db.owner.execute(
                "select pg_cancel_backend(pid) from pg_stat_activity"
                " where wait_event = 'PgSleep' and usename = %s and datname = current_database()",
                [CRON],
            )
            done.result(timeout=10)


def test_a_renamed_job_keeps_its_history_its_switch_and_its_cursor(quiet: Database) -> None:
    lived_through(quiet, "old")
    before = registered(quiet, "old")
    history = (runs(quiet, "old"), attempts(quiet, "old"), missed(quiet, "old"), events(quiet, "old"))
    assert before is not None
    assert before["switched_off"]
    assert all(history)
    declare(quiet.owner, job("new", routine="shop.fail", catch_up="skip", was=["old"]))
    assert registered(quiet, "new") == before
    assert registered(quiet, "old") is None
    for run in history[0]:
        run["job_name"] = "new"
    assert (runs(quiet, "new"), attempts(quiet, "new"), missed(quiet, "new"), events(quiet, "new")) == history
    assert [runs(quiet, "old"), missed(quiet, "old"), events(quiet, "old")] == [[], [], []]


def test_what_ran_under_the_old_name_does_not_run_again_and_what_waits_does(quiet: Database) -> None:
    declare(quiet.owner, job("old", catch_up="all"))
    quiet.clock(TEN)
    quiet.run_job("old")
    quiet.clock(TEN + HOUR + timedelta(minutes=30))
    quiet.owner.execute("select jobs.reconcile_overdue()")
    declare(quiet.owner, job("new", catch_up="all", was=["old"]))
    assert [(run["slot_at"], run["status"]) for run in runs(quiet, "new")] == [
        (TEN, "succeeded"),
        (TEN + HOUR, "queued"),
    ]
    catch_up(quiet)
    quiet.run_job("new")
    assert [run["status"] for run in runs(quiet, "new")] == ["succeeded", "succeeded"]
    assert quiet.value("select count(*) from shop.effects") == 2


def test_pg_cron_calls_the_new_name_alone(quiet: Database) -> None:
    declare(quiet.owner, job("old"))
    declare(quiet.owner, job("new", was=["old"]))
    commands = {row["line_name"]: row["command"] for row in quiet.rows("select * from jobs.declared_lines()")}
    assert commands["new"] == "call jobs.run('new')"
    assert "old" not in commands
    with refused("job_not_found"):
        quiet.run_job("old")


def test_it_happens_once(quiet: Database) -> None:
    lived_through(quiet, "old")
    for _ in range(2):
        declare(quiet.owner, job("new", was=["old"]))
        assert len(runs(quiet, "new")) == 1


def test_a_database_that_never_had_the_old_name_has_a_new_job(quiet: Database) -> None:
    declare(quiet.owner, job("new", was=["old"]))
    found = registered(quiet, "new")
    assert found is not None
    assert (found["switched_off"], found["removed_at"], runs(quiet, "new")) == (False, None, [])


def test_a_second_rename_goes_on_from_the_first(quiet: Database) -> None:
    lived_through(quiet, "first")
    before = registered(quiet, "first")
    declare(quiet.owner, job("second", was=["first"]))
    declare(quiet.owner, job("third", was=["second", "first"]))
    assert registered(quiet, "third") == before
    assert [len(runs(quiet, name)) for name in ("first", "second", "third")] == [0, 0, 1]


def test_a_database_that_skipped_the_release_between_two_renames_comes_along(quiet: Database) -> None:
    lived_through(quiet, "first")
    before = registered(quiet, "first")
    declare(quiet.owner, job("third", was=["second", "first"]))
    assert registered(quiet, "third") == before
    assert len(runs(quiet, "third")) == 1


def test_a_job_that_another_app_takes_over_is_renamed_too(quiet: Database) -> None:
    lived_through(quiet, "old")
    declare(quiet.owner, job("new", was=["old"]), app="courier")
    declare(quiet.owner)
    assert len(runs(quiet, "new")) == 1
    assert quiet.value("select app from jobs.jobs where job_name = 'new' and removed_at is null") == "courier"


def test_slots_that_passed_are_of_the_schedule_under_the_old_name(quiet: Database) -> None:
    declare(quiet.owner, job("old", "0 * * * *", catch_up="skip"))
    quiet.clock(TEN + HOUR + timedelta(minutes=30))
    declare(quiet.owner, job("new", "15 * * * *", catch_up="skip", was=["old"]))
    assert [(m[0], m[1], m[2]) for m in missed(quiet, "new")] == [(TEN, TEN + HOUR, 2)]


def test_a_run_that_is_under_way_goes_on_and_its_event_has_the_new_name(quiet: Database) -> None:
    declare(quiet.owner, job("old", routine="shop.work_slowly"))
    quiet.clock(TEN)
    with running(quiet, "old"):
        declare(quiet.owner, job("new", routine="shop.work_slowly", was=["old"]))
        watch(quiet)
        assert [run["status"] for run in runs(quiet, "new")] == ["running"]
        assert quiet.value("select jobs.lock_job('new')") is None, "its session holds the lock still"
    assert [run["status"] for run in runs(quiet, "new")] == ["failed"]
    assert [attempt["status"] for attempt in attempts(quiet, "new")] == ["cancelled"]
    assert (events(quiet, "new"), events(quiet, "old")) == (["failed"], [])


def test_two_jobs_become_one_and_the_one_that_is_declared_keeps_its_switch_and_cursor(
    quiet: Database,
) -> None:
    declare(quiet.owner, job("old", routine="shop.fail"), job("new"))
    quiet.clock(TEN)
    for name in ("old", "new"):
        quiet.run_job(name)
    quiet.owner.execute("select jobs.set_enabled('new', false)")
    quiet.clock(TEN + HOUR)
    quiet.run_job("old")
    before = registered(quiet, "new")
    declare(quiet.owner, job("new", was=["old"]))
    assert registered(quiet, "new") == before
    assert [(run["slot_at"], run["status"]) for run in runs(quiet, "new")] == [
        (TEN, "succeeded"),
        (TEN + HOUR, "failed"),
    ]
    assert [len(attempts(quiet, name)) for name in ("old", "new")] == [0, 2]


def test_of_two_runs_of_a_slot_the_one_that_succeeded_stays(quiet: Database) -> None:
    declare(quiet.owner, job("old"), job("new", routine="shop.fail"))
    quiet.clock(TEN)
    for name in ("old", "new"):
        quiet.run_job(name)
    declare(quiet.owner, job("new", was=["old"]))
    assert [run["status"] for run in runs(quiet, "new")] == ["succeeded"]
    assert quiet.value("select count(*) from jobs.runs") == 1


def test_of_two_rows_of_missed_slots_that_begin_together_one_stays(quiet: Database) -> None:
    declare(quiet.owner, job("old", catch_up="skip"), job("new", catch_up="skip"))
    quiet.clock(TEN + HOUR + timedelta(minutes=30))
    quiet.owner.execute("select jobs.reconcile_overdue()")
    declare(quiet.owner, job("new", catch_up="skip", was=["old"]))
    assert [(m[0], m[1]) for m in missed(quiet, "new")] == [(TEN, TEN + HOUR)]
    assert missed(quiet, "old") == []


def test_after_a_rollback_the_rename_takes_what_came_since_along(quiet: Database) -> None:
    declare(quiet.owner, job("old"))
    declare(quiet.owner, job("new", was=["old"]))
    quiet.clock(TEN)
    quiet.run_job("new")
    declare(quiet.owner, job("old"))
    quiet.clock(TEN + HOUR)
    quiet.run_job("old")
    quiet.owner.execute("select jobs.set_enabled('old', false)")
    before = registered(quiet, "old")
    declare(quiet.owner, job("new", was=["old"]))
    assert registered(quiet, "new") == before
    assert [run["slot_at"] for run in runs(quiet, "new")] == [TEN, TEN + HOUR]


def test_two_jobs_do_not_become_one_while_the_one_that_goes_is_running(quiet: Database) -> None:
    declare(quiet.owner, job("old", routine="shop.work_slowly"), job("new"))
    quiet.clock(TEN)
    with running(quiet, "old"):
        with pytest.raises(psycopg.errors.LockNotAvailable, match="job old is running"):
            declare(quiet.owner, job("new", was=["old"]))
        assert [len(runs(quiet, name)) for name in ("old", "new")] == [1, 0]


def waits(db: Database, session: psycopg.Connection[Any]) -> bool:
    """As another session sees it: within a transaction pg_stat_activity stays as it was."""
    with db.server.connect(db.name) as onlooker:
        return onlooker.execute(WAITS, [session.info.backend_pid]).fetchone() == (True,)


def test_a_trigger_and_a_rename_that_meet_leave_no_run_behind(quiet: Database) -> None:
    declare(quiet.owner, job("old"))
    with quiet.server.connect(quiet.name) as caller, ThreadPoolExecutor(1) as pool:
        caller.execute("begin")
        caller.execute(TRIGGER)
        renaming = pool.submit(declare, quiet.owner, job("new", was=["old"]))
        until(lambda: waits(quiet, quiet.owner))
        caller.execute("commit")
        renaming.result(timeout=10)
    assert [run["status"] for run in runs(quiet, "new")] == ["queued"]
    assert runs(quiet, "old") == []


def test_a_trigger_that_waited_for_a_rename_is_told_that_the_job_is_gone(quiet: Database) -> None:
    declare(quiet.owner, job("old"))
    with quiet.server.connect(quiet.name) as caller, ThreadPoolExecutor(1) as pool:
        with quiet.owner.transaction():
            declare(quiet.owner, job("new", was=["old"]))
            triggered = pool.submit(caller.execute, TRIGGER)
            until(lambda: waits(quiet, caller))
        with refused("job_not_found"):
            triggered.result(timeout=10)
    assert quiet.value("select count(*) from jobs.runs") == 0
