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
from tests.jobs.shop import attempts, catch_up, declare, events, job, runs, watch

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
        "select clock_timestamp() - beat_at < '5 seconds' from jobs.heartbeats where name = 'watch'"
    )
