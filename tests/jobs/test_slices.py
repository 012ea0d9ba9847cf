"""Slices and attempts: a run goes on where it stopped, and tries again what can pass by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.harness.databases import ZONE, Database
from tests.jobs.shop import attempts, catch_up, declare, effects, events, job, runs

NINE = datetime(2025, 1, 6, 9, tzinfo=ZONE)
TEN = NINE + timedelta(hours=1)


def one_job(quiet: Database, routine: str, **changes: Any) -> None:
    """Declare one more job, at 09:30, and let it become 10:00."""
    declare(quiet.owner, job("sliced", routine=f"shop.{routine}", **changes), app="slices")
    quiet.clock(TEN)


def pile(quiet: Database, items: int) -> None:
    quiet.owner.execute("insert into shop.pile select from generate_series(1, %s)", [items])


def test_a_run_works_slice_by_slice_until_nothing_is_left(quiet: Database) -> None:
    pile(quiet, 25)
    one_job(quiet, "work_off", batch_limit=10)
    run = quiet.run_job("sliced")
    assert run is not None
    assert (run["status"], run["slices"], run["processed"]) == ("succeeded", 3, 25)
    [attempt] = attempts(quiet, "sliced")
    assert (attempt["slices"], attempt["processed"], attempt["status"]) == (3, 25, "succeeded")
    assert attempt["result"] == {"processed": 5, "more": False}
    assert quiet.value("select array_agg(distinct done_by_slot) from shop.pile") == [TEN]


def test_each_slice_is_a_transaction_of_its_own(quiet: Database) -> None:
    pile(quiet, 25)
    quiet.owner.execute(
        "alter table shop.pile add constraint until_20 check (item_id <= 20 or done_by_slot is null)"
    )
    one_job(quiet, "work_off", batch_limit=10)
    run = quiet.run_job("sliced")
    assert run is not None
    assert (run["status"], run["slices"], run["sqlstate"]) == ("failed", 2, "23514")
    assert quiet.value("select count(*) from shop.pile where done_by_slot is not null") == 20


def test_a_run_that_is_out_of_time_between_slices_is_continued_by_catch_up(quiet: Database) -> None:
    pile(quiet, 25)
    one_job(quiet, "work_off", batch_limit=10, time_limit="0.000001 seconds")
    run = quiet.run_job("sliced")
    assert run is not None
    assert (run["status"], run["slices"], run["attempts"]) == ("waiting", 0, 1)
    declare(
        quiet.owner,
        job("sliced", routine="shop.work_off", batch_limit=10, time_limit="1 minute"),
        app="slices",
    )
    catch_up(quiet)
    [run] = runs(quiet, "sliced")
    assert (run["status"], run["slices"], run["processed"]) == ("succeeded", 3, 25)
    assert [a["status"] for a in attempts(quiet, "sliced")] == ["interrupted"] * 3 + ["succeeded"]
    assert events(quiet, "sliced") == []


def test_catch_up_gives_each_job_a_slice_in_turn(quiet: Database) -> None:
    pile(quiet, 60)
    names = ("first", "second")
    declare(quiet.owner, *[job(n, routine="shop.work_off", batch_limit=10) for n in names], app="slices")
    for name in names:
        quiet.owner.execute("select jobs.trigger_job(%s)", [name])
    catch_up(quiet)
    turns = quiet.rows(
        "select r.job_name from jobs.attempts as a inner join jobs.runs as r on r.run_id = a.run_id"
        " where a.processed > 0 order by a.started_at"
    )
    assert [turn["job_name"] for turn in turns] == ["first", "second"] * 3


def test_being_interrupted_between_slices_uses_no_attempt_up(quiet: Database) -> None:
    pile(quiet, 60)
    quiet.owner.execute(
        "alter table shop.pile add constraint until_40 check (item_id <= 40 or done_by_slot is null)"
    )
    one_job(quiet, "work_off", batch_limit=10, attempts=2, retry_on=["23514"])
    quiet.owner.execute("select jobs.trigger_job('sliced')")
    catch_up(quiet)
    assert [a["status"] for a in attempts(quiet, "sliced")] == ["interrupted"] * 4 + ["failed"]
    assert [run["status"] for run in runs(quiet, "sliced")] == ["waiting"]


@pytest.mark.parametrize("sqlstate", ["40P01", "55P03", "40001", "08006"])
def test_what_can_pass_is_tried_again_inside_the_run(sqlstate: str, quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values (%s, 1)", [sqlstate])
    one_job(quiet, "stumble", attempts=3)
    run = quiet.run_job("sliced")
    assert run is not None
    assert run["status"] == "succeeded"
    first, second = attempts(quiet, "sliced")
    assert (first["status"], first["sqlstate"], first["trigger"]) == ("failed", sqlstate, "schedule")
    assert (second["status"], second["trigger"]) == ("succeeded", "retry")
    assert timedelta(seconds=0.5) <= second["started_at"] - first["finished_at"] < timedelta(seconds=2)
    assert effects(quiet) == 1


@pytest.mark.parametrize("sqlstate", ["P0001", "23505", "42501", "57014"])
def test_what_cannot_pass_is_tried_once(sqlstate: str, quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values (%s, 1)", [sqlstate])
    one_job(quiet, "stumble")
    quiet.run_job("sliced")
    catch_up(quiet)
    [run] = runs(quiet, "sliced")
    assert (run["status"], run["attempts"]) == ("failed", 1)
    assert events(quiet, "sliced") == ["failed"]


def test_a_result_that_cannot_be_recorded_is_a_failure_without_effect(quiet: Database) -> None:
    one_job(quiet, "boast")
    run = quiet.run_job("sliced")
    assert run is not None
    assert (run["status"], run["sqlstate"]) == ("failed", "22023")
    assert effects(quiet) == 0


def test_a_declaration_may_say_what_else_can_pass(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values ('P0001', 1)")
    one_job(quiet, "stumble", retry_on=["P0001"])
    run = quiet.run_job("sliced")
    assert run is not None
    assert run["status"] == "succeeded"


def test_a_retry_that_does_not_fit_the_limit_is_left_to_catch_up(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values ('40P01', 1)")
    one_job(quiet, "stumble", time_limit="0.4 seconds")
    run = quiet.run_job("sliced")
    assert run is not None
    assert (run["status"], run["attempts"], run["reason"]) == ("waiting", 1, "stumbled")
    catch_up(quiet)
    assert runs(quiet, "sliced")[0]["status"] == "waiting", "not before its time"
    quiet.owner.execute("update jobs.runs set due_at = clock_timestamp() where due_at is not null")
    catch_up(quiet)
    assert runs(quiet, "sliced")[0]["status"] == "succeeded"


def test_attempts_end_and_the_run_has_failed(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values ('40P01', 100)")
    one_job(quiet, "stumble", attempts=3, time_limit="0.4 seconds")
    quiet.run_job("sliced")
    for _ in range(4):
        quiet.owner.execute("update jobs.runs set due_at = clock_timestamp() where due_at is not null")
        catch_up(quiet)
    [run] = runs(quiet, "sliced")
    assert (run["status"], run["attempts"], run["reason"]) == ("failed", 3, "stumbled")
    assert events(quiet, "sliced") == ["failed"]


def test_the_wait_doubles_up_to_its_cap_and_is_never_the_same_for_two(quiet: Database) -> None:
    query = "select extract(epoch from jobs.backoff(%s, '60 seconds'))::float8"
    for failures, full in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1000, 60)]:
        waits = [quiet.value(query, failures) for _ in range(20)]
        assert all(full / 2 <= wait <= full for wait in waits)
        assert len(set(waits)) > 1


def test_after_a_failure_the_next_success_is_a_recovery(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values ('P0001', 1)")
    one_job(quiet, "stumble")
    quiet.run_job("sliced")
    for hour in (1, 2):
        quiet.clock(TEN + timedelta(hours=hour))
        quiet.run_job("sliced")
    assert events(quiet, "sliced") == ["failed", "recovered"]
