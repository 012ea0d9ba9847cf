"""Runs: a slot takes effect once, whoever comes how often, and what happened is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.refusals import declared_errors, refused
from tests.harness.target import CRON, OWNER
from tests.jobs.shop import attempts, declare, effects, job

NINE = datetime(2025, 1, 6, 9, tzinfo=ZONE)
HOUR = timedelta(hours=1)
RUNS = "select count(*) from jobs.runs"

# What reaches each error of the jobs. A new error needs a new line.
CASES: dict[str, Callable[[Database], object]] = {
    "job_not_found": lambda db: db.run_job("no_such_job"),
    "slot_invalid": lambda db: db.owner.execute("select jobs.trigger_job('work', 'tomorrow')"),
    "run_transition_forbidden": lambda db: db.owner.execute(
        "insert into jobs.runs (job_name, slot_at, status, trigger, finished_at)"
        " values ('work', now(), 'succeeded', 'owner', now())"
    ),
    "run_not_to_be_repeated": lambda db: db.owner.execute("select jobs.run_again(0)"),
}
# Answered, not raised, so that their trace is kept: test_triggers.py has them.
ANSWERED = {"cron_signature_invalid"}


@pytest.mark.parametrize("name", sorted(set(declared_errors("jobs")) - ANSWERED))
def test_every_error_of_the_jobs_is_reached_through_what_raises_it(name: str, shop: Database) -> None:
    with refused(name):
        CASES[name](shop)
    assert shop.value(RUNS) == 0


def test_a_run_is_for_the_slot_that_is_due_and_keeps_the_result(shop: Database) -> None:
    run = shop.run_job("work")
    assert run is not None
    assert (run["slot_at"], run["status"], run["trigger"]) == (NINE, "succeeded", "schedule")
    assert run["result"] == {"processed": 1}
    assert run["finished_at"] >= run["started_at"]
    [attempt] = attempts(shop, "work")
    assert (attempt["attempt_no"], attempt["status"], attempt["sqlstate"]) == (1, "succeeded", None)
    assert effects(shop) == 1


def test_a_slot_takes_effect_once_and_the_next_slot_again(shop: Database) -> None:
    for _ in range(3):
        shop.run_job("work")
    assert effects(shop) == 1
    shop.clock(NINE + HOUR)
    shop.run_job("work")
    assert effects(shop) == 2
    assert shop.value(RUNS) == 2


def test_a_late_call_is_for_the_last_slot_and_the_missed_ones_stay_missed(shop: Database) -> None:
    shop.run_job("work")
    shop.clock(NINE + 5 * HOUR + timedelta(minutes=59))
    run = shop.run_job("work")
    assert run is not None
    assert run["slot_at"] == NINE + 5 * HOUR
    assert effects(shop) == 2


def test_a_job_that_was_never_due_does_nothing(shop: Database) -> None:
    declare(shop.owner, job("impossible", "0 0 28 2 *", days_of_month=[30]))
    assert shop.run_job("impossible") is None
    assert effects(shop) == 0


def test_a_failed_attempt_keeps_its_error_and_leaves_no_effect(shop: Database) -> None:
    run = shop.run_job("fail")
    assert run is not None
    assert (run["status"], run["result"], run["sqlstate"]) == ("failed", None, "ZC004")
    assert run["message"] == declared_errors("core")["setting_invalid"].en
    assert run["detail"] == '{"minimum": 3}'
    assert "shop.fail()" in run["context"]
    assert effects(shop) == 0


def test_a_failed_assertion_is_kept_too(shop: Database) -> None:
    run = shop.run_job("assert_wrongly")
    assert run is not None
    assert (run["status"], run["sqlstate"], run["message"]) == ("failed", "P0004", "one is not two")
    assert effects(shop) == 0


def test_a_job_whose_function_is_gone_fails_as_any_other(shop: Database) -> None:
    declare(shop.owner, job("lost", routine="shop.no_such_function"), app="lost")
    shop.clock(NINE + HOUR)
    run = shop.run_job("lost")
    assert run is not None
    assert (run["status"], run["sqlstate"]) == ("failed", "42883")


def test_thirty_sessions_that_race_leave_one_effect(shop: Database) -> None:
    def act(number: int) -> None:
        with shop.as_cron() as session:
            session.execute("call jobs.run('work')")

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(act, range(30)))
    assert effects(shop) == 1
    assert [a["status"] for a in attempts(shop, "work")] == ["succeeded"]


def start_slowly(shop: Database, pool: ThreadPoolExecutor, session: psycopg.Connection[Any]) -> Any:
    """Start work_slowly in this session and wait until it is under way."""
    running = pool.submit(lambda: session.execute("call jobs.run('work_slowly')"))
    query = "select wait_event = 'PgSleep' from pg_stat_activity where pid = %s"
    deadline = time.monotonic() + 10
    while not shop.value(query, session.info.backend_pid):
        assert not running.done(), running.result()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return running


def test_a_job_never_overlaps_itself_and_does_not_hold_up_others(shop: Database) -> None:
    shop.owner.execute("insert into shop.slowness values ('0.4 seconds')")
    with shop.as_cron() as session, ThreadPoolExecutor(1) as pool:
        running = start_slowly(shop, pool, session)
        shop.clock(NINE + HOUR)
        meanwhile = shop.run_job("work_slowly")
        assert meanwhile is not None
        assert (meanwhile["slot_at"], meanwhile["status"]) == (NINE, "running")
        assert shop.run_job("work")
        running.result(timeout=10)
    assert [a["status"] for a in attempts(shop, "work_slowly")] == ["succeeded"]
    assert effects(shop) == 2


def test_what_a_person_cancels_before_its_limit_has_failed(shop: Database) -> None:
    with shop.as_cron() as session, ThreadPoolExecutor(1) as pool:
        running = start_slowly(shop, pool, session)
        shop.owner.execute("select pg_cancel_backend(%s)", [session.info.backend_pid])
        running.result(timeout=10)
    [attempt] = attempts(shop, "work_slowly")
    assert (attempt["status"], attempt["run_status"], attempt["sqlstate"]) == (
        "cancelled",
        "failed",
        "57014",
    )
    assert effects(shop) == 0


def test_a_refused_call_gives_the_jobs_lock_back(shop: Database) -> None:
    with shop.as_cron() as session:
        with refused("job_not_found"):
            session.execute("call jobs.run('no_such_job')")
        assert shop.run_job("work")
        session.execute("call jobs.run('work')")
        assert effects(shop) == 1
        locks = "select count(*) from pg_locks as l inner join pg_database as d on d.oid = l.database "
        assert shop.value(locks + "where locktype = 'advisory' and datname = current_database()") == 0


def test_a_run_that_is_done_gives_the_jobs_lock_back_while_its_session_lives(shop: Database) -> None:
    with shop.as_cron() as session:
        session.execute("call jobs.run('work')")
        assert effects(shop) == 1
        assert shop.value("select count(*) from pg_locks where pid = %s", session.info.backend_pid) == 0
        shop.clock("2025-01-06 10:30")
        shop.run_job("work")
        assert effects(shop) == 2


def test_a_call_inside_of_a_transaction_is_refused_and_holds_nobody_up(shop: Database) -> None:
    with shop.as_cron() as session:
        session.execute("begin")
        with refused("2D000"):
            session.execute("call jobs.run('work')")
        session.execute("rollback")
        assert shop.run_job("work")
    assert effects(shop) == 1


def test_a_run_that_took_effect_cannot_be_attempted_past_its_lease(shop: Database) -> None:
    run = shop.run_job("work")
    assert run is not None
    with shop.as_cron() as session, refused("55000"):
        session.execute("select jobs.work(%s)", [run["run_id"]])
    assert effects(shop) == 1


def test_business_functions_run_as_the_owner_whoever_called(shop: Database) -> None:
    run = shop.run_job("who")
    assert run is not None
    assert run["result"] == {"session": CRON, "acts_as": OWNER}


def test_runs_of_a_job_that_is_no_longer_declared_stay(shop: Database) -> None:
    shop.run_job("work")
    declare(shop.owner)
    assert shop.value(RUNS) == 1
    with refused("job_not_found"):
        shop.run_job("work")
