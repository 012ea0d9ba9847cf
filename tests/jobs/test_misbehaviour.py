"""Misbehaviour: whatever a business function does or returns, its slot takes effect once and others run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.depth import deeper, depth
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


LEDGER = (
    "create table shop.parents (id integer primary key);"
    "create table shop.children (id integer references shop.parents deferrable initially deferred);"
    "alter table shop.parents owner to {0}; alter table shop.children owner to {0}"
)
LONG = depth(1_000_000, 270_000_000)  # what is longer than 256 MB fits into no event
AT_COMMIT = {
    "a deferred foreign key": (
        "insert into shop.children values (7);",
        "23503",
        "shop.children|children_id_fkey",
    ),
    "a held cursor": (
        "execute 'declare c cursor with hold for select 1 / g from generate_series(1, 0, -1) as g';",
        "22012",
        "division by zero",
    ),
    "a long message": (
        f"raise exception '%', repeat('x', {LONG}) using errcode = 'ZS001';",
        "ZS001",
        "xxx",
    ),
    "a long detail": (
        f"raise exception 'no' using errcode = 'ZS001', detail = repeat('x', {LONG});",
        "ZS001",
        "no",
    ),
}


@deeper
@pytest.mark.parametrize("what", AT_COMMIT)
@pytest.mark.parametrize("retried", [True, False])
def test_an_error_that_would_come_at_the_commit_is_an_attempts_error(
    what: str, retried: bool, quiet: Database
) -> None:
    """Fault 45. It is kept, cut, counted and obeys retry_on; the pass goes on to the next job."""
    statement, sqlstate, said = AT_COMMIT[what]
    quiet.owner.execute(LEDGER.format(OWNER).encode())
    odd_job(quiet, f"{EFFECT} {statement} return '{{}}';")
    declare(
        quiet.owner,
        job("odd", routine="shop.odd", attempts=2, retry_on=[sqlstate] if retried else [], backoff_cap="0"),
        job("then", routine="shop.who"),
        app="odd",
    )
    quiet.clock(TEN + timedelta(minutes=5))
    catch_up(quiet)
    catch_up(quiet)
    tried = attempts(quiet, "odd")
    assert [a["sqlstate"] for a in tried] == [sqlstate] * (2 if retried else 1)
    assert {(a["status"], a["run_status"]) for a in tried} == {("failed", "failed")}
    assert any(word in tried[0]["message"] for word in said.split("|")), tried[0]["message"]
    assert max(len(tried[0][part] or "") for part in ("message", "detail", "context")) <= 4000
    assert effects(quiet) == 0
    assert runs(quiet, "then")[0]["status"] == "succeeded"


def test_a_held_cursor_that_is_well_ends_with_its_slice(quiet: Database) -> None:
    """Fault 45. Its job succeeds, and the next one of the session does not find it."""
    odd_job(quiet, f"{EFFECT} execute 'declare c cursor with hold for select 1'; return '{{}}';")
    quiet.clock(TEN + timedelta(minutes=5))
    with quiet.as_cron() as session:
        session.execute("call jobs.catch_up(0)")
        assert session.execute("select count(*) from pg_cursors where is_holdable").fetchone() == (0,)
    assert (runs(quiet, "odd")[0]["status"], effects(quiet)) == ("succeeded", 1)


def test_who_always_cancels_itself_is_not_tried_without_end(quiet: Database) -> None:
    """Fault 25. An attempt that was cancelled is one of those that the job has."""
    odd_job(quiet, "raise query_canceled;")
    declare(
        quiet.owner,
        job("odd", routine="shop.odd", attempts=3, retry_on=["57014"], backoff_cap="0"),
        app="odd",
    )
    run = quiet.run_job("odd")
    assert run is not None
    assert (run["status"], run["attempts"]) == ("failed", 3)
    assert [a["status"] for a in attempts(quiet, "odd")] == ["cancelled"] * 3


@pytest.mark.parametrize("language", ["plpgsql", "sql"])
@pytest.mark.parametrize("argument", ["", "slot timestamptz", "batch_limit integer, slot timestamptz"])
def test_a_job_may_return_nothing(language: str, argument: str, quiet: Database) -> None:
    """Fault 24. Documentation and checks allow void in either language."""
    body = EFFECT if language == "sql" else f"begin {EFFECT} end"
    with quiet.owner.transaction():
        quiet.owner.execute(f"set local role {OWNER}".encode())
        quiet.owner.execute(
            f"create function shop.quiet({argument}) returns void language {language}"
            f" set search_path = '' as $$ {body} $$".encode()
        )
    declare(quiet.owner, job("quiet", routine="shop.quiet", batch_limit=7), app="odd")
    quiet.clock(TEN)
    run = quiet.run_job("quiet")
    assert run is not None
    assert (run["status"], run["processed"], run["result"], effects(quiet)) == ("succeeded", 0, {}, 1)


def test_a_zone_that_the_server_no_longer_knows_stalls_its_own_job_only(quiet: Database) -> None:
    declare(quiet.owner, job("lost"), job("then"), app="odd")
    quiet.owner.execute("update jobs.jobs set zone = 'Atlantis/Capital' where job_name = 'lost'")
    quiet.clock(TEN + timedelta(minutes=5))
    catch_up(quiet)
    assert (runs(quiet, "lost"), runs(quiet, "then")[0]["status"]) == ([], "succeeded")
