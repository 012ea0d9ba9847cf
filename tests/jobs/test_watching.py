"""Watching: who is ended is the session of the overdue run, nobody else; none blinds the watcher."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.target import SUPABASE
from tests.harness.waiting import until
from tests.jobs.shop import attempts, declare, job, runs, watch

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
ASLEEP = "select wait_event = 'PgSleep' from pg_stat_activity where pid = %s"


def go_on_until(done: Callable[[], bool], quiet: Database) -> None:
    """The watcher at work until then."""
    while not done():
        watch(quiet)


def begin(quiet: Database, session: psycopg.Connection[Any], pool: ThreadPoolExecutor, name: str) -> Any:
    """A run of the job in this session, asleep in its function."""
    running = pool.submit(lambda: session.execute("call jobs.run(%s)", [name]))
    until(lambda: quiet.value(ASLEEP, session.info.backend_pid))
    return running


def test_a_crashed_run_over_its_limit_does_not_end_the_run_of_the_next_slot(quiet: Database) -> None:
    declare(quiet.owner, job("fragile", routine="shop.work_slowly"), app="watching")
    quiet.clock(TEN)
    with quiet.as_cron() as first, quiet.as_cron() as second, ThreadPoolExecutor(2) as pool:
        running = begin(quiet, first, pool, "fragile")
        quiet.owner.execute("select pg_terminate_backend(%s, 10000)", [first.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            running.result(timeout=10)
        # Nobody watched before the next slot's run took the lock, and the first one's time is over.
        quiet.clock(TEN + timedelta(hours=1))
        quiet.owner.execute("insert into shop.slowness values ('1 second')")
        running = begin(quiet, second, pool, "fragile")
        quiet.owner.execute("update jobs.runs set deadline_at = started_at where slot_at = %s", [TEN])
        watch(quiet)
        assert [r["status"] for r in runs(quiet, "fragile")] == ["waiting", "running"], "found at once"
        running.result(timeout=10)
    watch(quiet)
    assert [a["status"] for a in attempts(quiet, "fragile")] == ["crashed", "succeeded"]


def test_a_process_id_that_comes_again_is_not_taken_for_the_session_that_had_it(quiet: Database) -> None:
    """Fault 44. The run of a session that is gone is found, and the healthy one of the same id goes on."""
    declare(quiet.owner, job("fragile", routine="shop.work_slowly"), app="watching")
    quiet.clock(TEN)
    with quiet.as_cron() as first, quiet.as_cron() as second, ThreadPoolExecutor(2) as pool:
        running = begin(quiet, first, pool, "fragile")
        quiet.owner.execute("select pg_terminate_backend(%s, 10000)", [first.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            running.result(timeout=10)
        quiet.owner.execute("update jobs.attempts set server_process = %s", [second.info.backend_pid])
        quiet.owner.execute("update jobs.runs set deadline_at = started_at")
        quiet.clock(TEN + timedelta(hours=1))
        quiet.owner.execute("insert into shop.slowness values ('1 second')")
        running = begin(quiet, second, pool, "fragile")
        watch(quiet)
        assert [r["status"] for r in runs(quiet, "fragile")] == ["waiting", "running"]
        assert runs(quiet, "fragile")[1]["cancels"] == 0
        running.result(timeout=10)
    assert [a["status"] for a in attempts(quiet, "fragile")] == ["crashed", "succeeded"]


@pytest.mark.skipif(SUPABASE, reason="nobody is a superuser there")
def test_a_session_that_may_not_be_cancelled_does_not_blind_the_watcher(quiet: Database) -> None:
    names = ["by_superuser", "by_pg_cron"]
    limited = [job(name, routine="shop.work_slowly", time_limit="0.5 seconds") for name in names]
    declare(quiet.owner, *limited, app="watching")
    quiet.clock(TEN)
    with (
        quiet.server.connect(quiet.name) as superuser,
        quiet.as_cron() as cron,
        ThreadPoolExecutor(2) as pool,
    ):
        beyond = begin(quiet, superuser, pool, "by_superuser")
        ended = begin(quiet, cron, pool, "by_pg_cron")
        go_on_until(ended.done, quiet)
        assert runs(quiet, "by_pg_cron")[0]["reason"] == "longer than 00:00:00.5"
        assert runs(quiet, "by_superuser")[0]["status"] == "running"
        quiet.owner.execute("select pg_terminate_backend(%s, 10000)", [superuser.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            beyond.result(timeout=10)
    watch(quiet)
    assert runs(quiet, "by_superuser")[0]["reason"] == "longer than 00:00:00.5"
