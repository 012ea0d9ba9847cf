"""Time limits: whatever a job hangs in, the watcher ends it within two seconds of its limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import ZONE, Database
from tests.jobs.shop import attempts, catch_up, declare, events, job, past_the_guards, runs, watch

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
LIMIT = timedelta(seconds=0.5)


@contextmanager
def watched(quiet: Database) -> Iterator[None]:
    """The watcher at work, as it is through a minute."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(0.1):
            watch(quiet)

    watcher = threading.Thread(target=go_on)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join(timeout=30)


def limited(quiet: Database, routine: str, **changes: Any) -> None:
    """A job of half a second, due."""
    declare(
        quiet.owner,
        job("limited", routine=f"shop.{routine}", time_limit="0.5 seconds", **changes),
        app="limits",
    )
    quiet.clock(TEN)


@pytest.mark.parametrize("routine", ["work_slowly", "wait_for_a_lock", "compute"])
def test_the_limit_ends_a_sleep_a_lock_wait_and_a_long_statement(routine: str, quiet: Database) -> None:
    limited(quiet, routine)
    with quiet.server.connect(quiet.name) as other, watched(quiet):
        other.execute("begin")
        other.execute("lock table shop.slowness in share mode")
        if routine == "work_slowly":
            other.execute("rollback")
        run = quiet.run_job("limited")
        other.execute("rollback")
    assert run is not None
    assert (run["status"], run["reason"]) == ("failed", "longer than 00:00:00.5")
    [attempt] = attempts(quiet, "limited")
    assert (attempt["status"], attempt["sqlstate"]) == ("timed_out", "57014")
    assert LIMIT <= attempt["finished_at"] - attempt["started_at"] < LIMIT + timedelta(seconds=2)
    assert events(quiet, "limited") == ["timed_out"]


def test_who_ignores_being_cancelled_is_terminated(quiet: Database) -> None:
    limited(quiet, "ignore_being_cancelled")
    with watched(quiet), pytest.raises(psycopg.OperationalError):
        quiet.run_job("limited")
    watch(quiet)
    [attempt] = attempts(quiet, "limited")
    assert attempt["status"] == "timed_out"
    [run] = runs(quiet, "limited")
    assert (run["status"], run["reason"]) == ("failed", "longer than 00:00:00.5")
    assert events(quiet, "limited") == ["timed_out"], "no crash, though its session had to go"


def test_running_out_of_time_is_tried_again_by_choice(quiet: Database) -> None:
    limited(quiet, "work_slowly", retry_on=["timeout"], attempts=2)
    with watched(quiet):
        quiet.run_job("limited")
        assert runs(quiet, "limited")[0]["status"] == "waiting"
        quiet.owner.execute("insert into shop.slowness values ('0')")
        quiet.owner.execute("update jobs.runs set due_at = clock_timestamp() where due_at is not null")
        catch_up(quiet)
    assert [a["status"] for a in attempts(quiet, "limited")] == ["timed_out", "succeeded"]


def test_a_run_within_its_limit_is_let_alone(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.slowness values ('0.2 seconds')")
    limited(quiet, "work_slowly")
    with watched(quiet):
        run = quiet.run_job("limited")
    assert run is not None
    assert (run["status"], run["cancels"]) == ("succeeded", 0)


def test_the_limit_ends_a_later_slice_and_what_was_done_before_it_is_gone_on_with(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.pile select from generate_series(1, 8)")
    quiet.owner.execute("insert into shop.slowness values ('0.2 seconds')")
    limited(quiet, "work_off_slowly", batch_limit=1)
    with watched(quiet):
        run = quiet.run_job("limited")
        assert run is not None
        assert (run["status"], run["reason"]) == ("waiting", "out of time, to be continued")
        assert 1 <= run["slices"] <= 2
        catch_up(quiet)
    [run] = runs(quiet, "limited")
    assert (run["status"], run["slices"], run["processed"]) == ("succeeded", 8, 8)
    assert {a["status"] for a in attempts(quiet, "limited")} == {"interrupted", "succeeded"}
    assert events(quiet, "limited") == []


def test_a_session_that_the_limit_ended_between_two_slices_is_gone_on_with(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.slowness values ('0')")
    limited(quiet, "work_slowly")
    quiet.run_job("limited")
    # As it is found when the cancel came between two of its transactions.
    with past_the_guards(quiet):
        quiet.owner.execute("update jobs.attempts set status = 'running', finished_at = null")
        quiet.owner.execute(
            "update jobs.runs set status = 'running', finished_at = null, deadline_at = now(), cancels = 1"
        )
    watch(quiet)
    assert [a["status"] for a in attempts(quiet, "limited")] == ["interrupted"]
    [run] = runs(quiet, "limited")
    assert (run["status"], run["reason"]) == ("waiting", "out of time, to be continued")


def test_what_catch_up_works_on_is_watched_too(quiet: Database) -> None:
    limited(quiet, "work_slowly")
    quiet.clock(TEN + timedelta(minutes=5))
    with watched(quiet):
        catch_up(quiet)
    [run] = runs(quiet, "limited")
    assert (run["status"], run["trigger"], run["late"]) == ("failed", "catch_up", True)
    assert [a["status"] for a in attempts(quiet, "limited")] == ["timed_out"]


def test_the_watcher_says_that_it_is_alive(quiet: Database) -> None:
    watch(quiet)
    assert quiet.value(
        "select clock_timestamp() - heartbeat_at < '5 seconds' from jobs.heartbeats where name = 'watch'"
    )
