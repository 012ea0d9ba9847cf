"""The overview: its numbers are those of the runs, and the end of an incident is one query over it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.docs.pages import blocks
from tests.harness.databases import ZONE, Database
from tests.harness.refusals import rolled_back
from tests.jobs.shop import declare, job, past_the_guards, stock

NINE = datetime(2025, 1, 6, 9, tzinfo=ZONE)
SECOND = timedelta(seconds=1)
BACKLOG: dict[str, Any] = {
    "backlog_query": "select count(*), min(made_at) from shop.effects",
    "backlog_normal": 1,
    "backlog_alarm": 3,
}


@pytest.fixture(scope="module")
def prepared(module_db: Database) -> Database:
    """The tests' functions and one job, live, at Monday, 6 January 2025, 09:30 in Seoul."""
    stock(module_db)
    module_db.clock("2025-01-06 09:30")
    module_db.owner.execute("select jobs.set_live(true)")
    declare(module_db.owner, job("work", routine="shop.work", **BACKLOG))
    return module_db


@pytest.fixture
def shop(prepared: Database) -> Iterator[Database]:
    """The same; what the test does is taken back."""
    with rolled_back(prepared.owner):
        yield prepared


def seen(shop: Database, name: str = "work") -> dict[str, Any]:
    [row] = shop.rows("select * from jobs.overview() where job_name = %s", name)
    return row


def ran(
    shop: Database,
    hour: int,
    status: str = "succeeded",
    *,
    seconds: float = 1,
    late: float = 0,
    trigger: str = "schedule",
) -> None:
    """A run of the slot at this hour, which began so late and worked for so long."""
    slot = NINE + timedelta(hours=hour)
    began = slot + late * SECOND
    ended = began + seconds * SECOND
    with past_the_guards(shop):
        run = shop.value(
            "insert into jobs.runs (job_name, slot_at, status, trigger, started_at, finished_at, reason)"
            " values ('work', %s, %s, %s, %s, %s, %s) returning run_id",
            slot,
            status,
            trigger,
            None if status == "skipped" else began,
            ended,
            None if status == "succeeded" else f"{status} at {hour}",
        )
        if status != "skipped":
            shop.owner.execute(
                "insert into jobs.attempts (run_id, attempt_no, status, trigger, started_at, finished_at,"
                " server_process) values (%s, 1, %s, %s, %s, %s, 0)",
                [run, status, trigger, began, ended],
            )


def pile(shop: Database, count: int) -> None:
    shop.owner.execute("insert into shop.effects (caused_by) select 'x' from generate_series(1, %s)", [count])


def test_a_job_that_never_ran_is_on_and_knows_its_next_slot_in_local_time(shop: Database) -> None:
    row = seen(shop)
    assert (row["state"], row["next_slot_at"]) == ("on", datetime(2025, 1, 6, 10))
    assert (row["last_status"], row["p50"], row["lateness_p95"]) == (None, None, None)
    assert (row["failures_in_a_row"], row["successes_in_a_row"], row["missed_in_7_days"]) == (0, 0, 0)


def test_a_job_that_is_off_says_why_and_has_no_next_slot(shop: Database) -> None:
    shop.owner.execute("select jobs.set_enabled('work', false)")
    assert (seen(shop)["state"], seen(shop)["next_slot_at"]) == ("switched off", None)
    shop.owner.execute("select jobs.set_enabled('work', true)")
    shop.owner.execute("select jobs.set_live(false)")
    assert (seen(shop)["state"], seen(shop)["next_slot_at"]) == ("not live", None)
    declare(shop.owner, job("work", routine="shop.work", enabled=False))
    assert seen(shop)["state"] == "declared off"


def test_durations_and_lateness_are_percentiles_of_the_last_hundred_runs(shop: Database) -> None:
    for hour in range(-20, 1):
        ran(shop, hour, seconds=21 + hour, late=20 - hour)
    row = seen(shop)
    assert (row["p50"], row["p95"]) == (11 * SECOND, 20 * SECOND)
    assert row["lateness_p95"] == 39 * SECOND
    assert row["last_slot_at"] == datetime(2025, 1, 6, 9)


def test_what_is_older_than_a_hundred_runs_no_longer_counts(shop: Database) -> None:
    for hour in range(-110, 1):
        ran(shop, hour, "failed" if hour < -100 else "succeeded", seconds=99 if hour < -99 else 1)
    row = seen(shop)
    assert (row["p50"], row["p95"], row["successes_in_a_row"]) == (SECOND, SECOND, 100)


def test_waiting_between_attempts_is_no_work_and_a_moment_named_by_a_person_is_not_late(
    shop: Database,
) -> None:
    ran(shop, -3, seconds=2, late=7200, trigger="owner")
    ran(shop, 0, seconds=2)
    shop.owner.execute("update jobs.runs set finished_at = finished_at + interval '1 hour'")
    row = seen(shop)
    assert (row["p95"], row["lateness_p95"]) == (2 * SECOND, timedelta(0))


@pytest.mark.parametrize(
    ("ended", "failures", "successes"),
    [
        (["succeeded", "failed", "failed"], 2, 0),
        (["failed", "succeeded", "succeeded"], 0, 2),
        (["failed", "failed", "failed"], 3, 0),
        (["succeeded", "skipped"], 0, 0),
        (["succeeded", "failed", "skipped", "failed"], 2, 0),
        (["succeeded", "succeeded", "skipped", "succeeded"], 0, 1),
    ],
)
def test_failures_and_successes_in_a_row(
    ended: list[str], failures: int, successes: int, shop: Database
) -> None:
    for hour, status in enumerate(ended, start=-len(ended)):
        ran(shop, hour, status)
    row = seen(shop)
    assert (row["failures_in_a_row"], row["successes_in_a_row"]) == (failures, successes)
    assert row["last_status"] == ended[-1]


def test_in_a_row_is_by_when_runs_ended_as_one_that_is_run_again_ends_last(shop: Database) -> None:
    ran(shop, -3, "succeeded", late=9 * 3600)
    ran(shop, -2, "failed")
    ran(shop, -1, "failed")
    assert (seen(shop)["failures_in_a_row"], seen(shop)["successes_in_a_row"]) == (0, 1)


@pytest.mark.parametrize(
    ("count", "state"), [(0, "normal"), (1, "normal"), (2, "high"), (3, "high"), (4, "alarm")]
)
def test_a_backlog_is_normal_high_or_an_alarm(count: int, state: str, shop: Database) -> None:
    pile(shop, count)
    row = seen(shop)
    assert (row["backlog"], row["backlog_state"]) == (count, state)
    assert (row["backlog_oldest_at"] is None) == (count == 0)


def test_a_backlog_query_that_fails_hides_no_other_job(shop: Database) -> None:
    declare(
        shop.owner,
        job("work", routine="shop.work", **{**BACKLOG, "backlog_query": "select 1 / 0, now()"}),
        job("other"),
    )
    assert (seen(shop)["backlog"], seen(shop)["backlog_state"]) == (None, "unknown")
    assert (seen(shop, "other")["state"], seen(shop, "other")["backlog_state"]) == ("on", None)


def test_missed_slots_count_until_somebody_runs_them(shop: Database) -> None:
    shop.owner.execute(
        "insert into jobs.missed_slots"
        " (job_name, first_slot_at, last_slot_at, slots, cause, reason, noted_at)"
        " values ('work', %s, %s, 3, 'down', 'too_old', now()), ('work', %s, %s, 2, 'off', 'off', now())",
        [NINE - timedelta(hours=5), NINE - timedelta(hours=3), NINE - timedelta(hours=8), NINE],
    )
    assert seen(shop)["missed_in_7_days"] == 3
    ran(shop, -4, trigger="owner")
    assert seen(shop)["missed_in_7_days"] == 2
    shop.clock("2025-01-14 09:30")
    assert seen(shop)["missed_in_7_days"] == 0


def test_the_end_of_an_incident_is_one_query_three_successes_and_a_normal_backlog(shop: Database) -> None:
    [query] = [sql for sql in blocks("docs/runbook.md", "sql") if "successes_in_a_row >= 3" in sql]

    def over() -> bool:
        [row] = [row for row in shop.rows(query) if row["job_name"] == "work"]
        return bool(row["over"])

    ran(shop, -5, "failed")
    for hour in (-4, -3):
        ran(shop, hour)
        assert not over()
    ran(shop, -2)
    assert over()
    pile(shop, 2)
    assert not over()
    shop.owner.execute("delete from shop.effects")
    ran(shop, -1, "skipped")
    assert not over()
