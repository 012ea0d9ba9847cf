"""Misbehaviour: whatever a business function does or returns, its slot takes effect once and others run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.target import OWNER
from tests.harness.waiting import until
from tests.jobs.shop import attempts, catch_up, declare, effects, job, runs, watch

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
BODY = "create function shop.odd() returns jsonb language plpgsql set search_path = '' as $$ begin {} end $$"
EFFECT = "insert into shop.effects (caused_by) values ('odd');"


def odd_job(quiet: Database, body: str) -> None:
    """A job `odd` whose function does this, and one that behaves, after it in the queue."""
    with quiet.owner.transaction():
        quiet.owner.execute(f"set local role {OWNER}".encode())
        quiet.owner.execute(BODY.format(body).encode())
    declare(quiet.owner, job("odd", routine="shop.odd"), job("then", routine="shop.who"), app="odd")
    quiet.clock(TEN)


@pytest.mark.parametrize(
    "result",
    [
        '{"processed": 1e400}',
        '{"processed": -5}',
        '{"processed": "7"}',
        '{"processed": 1, "more": "true"}',
        '{"processed": 1, "more": 1}',
    ],
)
def test_a_result_that_cannot_be_read_is_a_failure_of_its_job_alone(result: str, quiet: Database) -> None:
    odd_job(quiet, f"{EFFECT} return '{result}';")
    quiet.clock(TEN + timedelta(minutes=5))
    catch_up(quiet)
    [attempt] = attempts(quiet, "odd")
    assert (attempt["status"], attempt["run_status"], attempt["sqlstate"]) == ("failed", "failed", "22023")
    assert effects(quiet) == 0
    assert runs(quiet, "then")[0]["status"] == "succeeded"


@pytest.mark.parametrize("result", ["null", "'null'", "'[1]'", '\'{"processed": null, "more": null}\''])
def test_a_result_that_says_nothing_is_a_success_with_nothing_done(result: str, quiet: Database) -> None:
    odd_job(quiet, f"return {result};")
    run = quiet.run_job("odd")
    assert run is not None
    assert (run["status"], run["processed"]) == ("succeeded", 0)


@pytest.mark.parametrize("end", ["return '{}';", "raise deadlock_detected;"])
def test_who_gives_all_advisory_locks_back_is_not_taken_for_crashed(end: str, quiet: Database) -> None:
    odd_job(quiet, f"{EFFECT} perform pg_advisory_unlock_all(); perform pg_sleep(1); {end}")
    asleep = "select exists (select from pg_stat_activity where wait_event = 'PgSleep' and pid = %s)"
    with quiet.as_cron() as session, ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: session.execute("call jobs.run('odd')"))
        until(lambda: quiet.value(asleep, session.info.backend_pid))
        watch(quiet)
        assert quiet.run_job("odd") is not None, "nothing was done, but there is a run"
        assert [a["status"] for a in attempts(quiet, "odd")] == ["running"]
        if "raise" in end:
            # Between two attempts the lock is the session's again.
            until(lambda: attempts(quiet, "odd")[0]["status"] == "failed")
            watch(quiet)
            assert runs(quiet, "odd")[0]["status"] == "running"
        running.result(timeout=20)
        held = "select count(*) from pg_locks where locktype = 'advisory' and pid = %s"
        assert quiet.value(held, session.info.backend_pid) == 0, "no lock outlives the run"
    if "raise" in end:
        assert [a["status"] for a in attempts(quiet, "odd")] == ["failed"] * 3
    else:
        assert (effects(quiet), runs(quiet, "odd")[0]["attempts"]) == (1, 1)
        watch(quiet)
        catch_up(quiet)
        assert effects(quiet) == 1


def test_only_the_session_that_leased_a_run_may_leave_it(quiet: Database) -> None:
    odd_job(quiet, f"{EFFECT} perform pg_sleep(0.5); return '{{}}';")
    with ThreadPoolExecutor(1) as pool, quiet.as_cron() as other:
        running = pool.submit(quiet.run_job, "odd")
        until(lambda: attempts(quiet, "odd"))
        other.execute("select jobs.requeue_run(%s, '0')", [runs(quiet, "odd")[0]["run_id"]])
        assert runs(quiet, "odd")[0]["status"] == "running"
        run = running.result(timeout=20)
    assert run is not None
    assert (run["status"], effects(quiet)) == ("succeeded", 1)


def test_what_a_function_sets_for_its_session_ends_with_its_turn_in_catch_up(quiet: Database) -> None:
    odd_job(quiet, "perform set_config('default_transaction_read_only', 'on', false); return '{}';")
    quiet.clock(TEN + timedelta(minutes=5))
    catch_up(quiet)
    assert [runs(quiet, name)[0]["status"] for name in ("odd", "then")] == ["succeeded"] * 2


def test_a_zone_that_the_server_no_longer_knows_stalls_its_own_job_only(quiet: Database) -> None:
    declare(quiet.owner, job("lost"), job("then"), app="odd")
    quiet.owner.execute("update jobs.jobs set zone = 'Atlantis/Capital' where job_name = 'lost'")
    quiet.clock(TEN + timedelta(minutes=5))
    catch_up(quiet)
    assert (runs(quiet, "lost"), runs(quiet, "then")[0]["status"]) == ([], "succeeded")
