"""History: purged by age, but the last runs of each job; never a slot that could run again."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg

from tests.harness.databases import Database
from tests.jobs.shop import declare, job, past_the_guards

# Runs of one job, one a day, this many days back, each with an attempt.
RAN = """
with made as (
    insert into jobs.runs (job_name, slot_at, status, trigger, started_at, finished_at)
    select %s, core.now() - d * interval '1 day', 'succeeded', 'schedule', now(), now()
    from generate_series(%s::integer, 1, -1) as d
    returning run_id
)
insert into jobs.attempts (run_id, attempt_no, status, started_at, finished_at, server_process)
select run_id, 1, 'succeeded', now(), now(), 1 from made
"""


def stocked(quiet: Database, *names: str, days: int = 20, **changes: Any) -> None:
    """Jobs with runs of twenty days; kept are ten days, and the last three runs."""
    declare(quiet.owner, *[job(name, **changes) for name in names])
    with past_the_guards(quiet):
        for name in names:
            quiet.owner.execute(RAN, [name, days])
    quiet.owner.execute("update core.settings set value = '10' where name = 'jobs.history_days'")
    quiet.owner.execute("update core.settings set value = '3' where name = 'jobs.history_runs'")


def purge(quiet: Database, batch_limit: int = 1000) -> dict[str, Any]:
    done = quiet.value("select jobs.purge_history(%s)", batch_limit)
    assert isinstance(done, dict)
    return done


def kept(quiet: Database, name: str) -> int:
    return int(quiet.value("select count(*) from jobs.runs where job_name = %s", name))


def test_what_is_older_than_its_days_goes_with_its_attempts(quiet: Database) -> None:
    stocked(quiet, "one", "two")
    assert (purge(quiet)["processed"], kept(quiet, "one"), kept(quiet, "two")) == (20, 10, 10)
    assert quiet.value("select count(*) from jobs.attempts") == 20
    assert quiet.value("select min(slot_at) = core.now() - interval '10 days' from jobs.runs")


def test_the_last_runs_of_each_job_stay_however_old(quiet: Database) -> None:
    stocked(quiet, "one")
    quiet.clock("2026-01-06 09:30")
    quiet.owner.execute("update jobs.jobs set reconciled_until = core.now()")
    purge(quiet)
    assert kept(quiet, "one") == 3


def slots_that_may_run(quiet: Database, name: str, since: str) -> list[str]:
    """Which of the days since then trigger_job takes, for the owner."""
    days = quiet.rows(
        "select to_char(d at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as slot"
        " from generate_series(%s::timestamptz, core.now() - interval '1 day', '1 day') as d",
        since,
    )
    taken = []
    for row in days:
        with contextlib.suppress(psycopg.errors.DatabaseError):
            quiet.owner.execute("select jobs.trigger_job(%s, %s)", [name, row["slot"]])
            taken.append(row["slot"])
    return taken


def test_a_slot_whose_run_was_purged_never_runs_again(quiet: Database) -> None:
    """Fault 43. Shortened, purged and lengthened again, the history shows nothing of it."""
    stocked(quiet, "one")
    purge(quiet)
    assert kept(quiet, "one") == 10
    quiet.owner.execute("update core.settings set value = '3650' where name = 'jobs.history_days'")
    taken = slots_that_may_run(quiet, "one", "2024-12-17 09:30+09")
    assert len(taken) == 10, "the ten that are kept, each answered with its own run"
    assert kept(quiet, "one") == 10
    purge(quiet)
    assert quiet.value(
        "select purged_until = core.now() - interval '11 days' from jobs.jobs where job_name = %s", "one"
    )


def test_a_purged_slot_comes_to_nothing_when_the_clock_is_put_back(quiet: Database) -> None:
    """Fault 43. The schedule and catch_up would take it for one that has not run."""
    stocked(quiet, "one", schedule="30 9 * * *", catch_up="all", catch_up_age="100 days")
    purge(quiet)
    quiet.clock("2024-12-26 09:30")
    quiet.owner.execute("update jobs.jobs set reconciled_until = core.now() - interval '1 minute'")
    quiet.owner.execute("update jobs.jobs set next_slot_at = core.now()")
    quiet.run_job("one")
    quiet.owner.execute("update jobs.jobs set reconciled_until = core.now() - interval '20 days'")
    quiet.owner.execute("select jobs.reconcile('one', core.now() - interval '1 day')")
    assert kept(quiet, "one") == 10


def test_two_jobs_that_become_one_keep_how_far_either_was_purged(quiet: Database) -> None:
    """Fault 43."""
    stocked(quiet, "old", "new")
    purge(quiet)
    quiet.owner.execute("update jobs.jobs set purged_until = 'epoch' where job_name = 'new'")
    with quiet.owner.transaction():
        quiet.owner.execute("select jobs.rename_job('old', 'new')")
    assert quiet.value(
        "select purged_until = core.now() - interval '11 days' from jobs.jobs where job_name = %s", "new"
    )


def test_it_is_purged_in_slices(quiet: Database) -> None:
    stocked(quiet, "one", "two")
    slices = [purge(quiet, 8) for _ in range(3)]
    assert [(s["runs"], s["more"]) for s in slices] == [(8, True), (8, True), (4, False)]


def test_a_slot_that_is_not_reconciled_stays_as_it_could_run_again(quiet: Database) -> None:
    stocked(quiet, "one")
    quiet.owner.execute("update jobs.jobs set reconciled_until = core.now() - interval '15 days'")
    purge(quiet)
    assert kept(quiet, "one") == 15


def test_a_job_that_is_switched_off_keeps_no_others_history(quiet: Database) -> None:
    stocked(quiet, "one", "off", "gone")
    quiet.owner.execute("select jobs.set_enabled('off', false)")
    declare(quiet.owner, job("one"), job("off"))
    quiet.clock("2025-06-06 09:30")
    quiet.owner.execute("update jobs.jobs set reconciled_until = core.now() where job_name = 'one'")
    purge(quiet)
    assert [kept(quiet, name) for name in ("one", "off", "gone")] == [3, 3, 3]


def test_a_run_that_has_not_ended_stays(quiet: Database) -> None:
    stocked(quiet, "one")
    with past_the_guards(quiet):
        quiet.owner.execute(
            "update jobs.runs set status = 'waiting', finished_at = null, due_at = now()"
            " where slot_at = core.now() - interval '20 days'"
        )
    purge(quiet)
    assert kept(quiet, "one") == 11


def test_missed_slots_events_outages_and_refusals_go_by_age(quiet: Database) -> None:
    stocked(quiet, "one")
    # What the apps' own jobs missed before the fixture took them away.
    quiet.owner.execute("delete from jobs.missed_slots")
    quiet.owner.execute("delete from jobs.events")
    for days in (5, 500):
        quiet.owner.execute(
            "insert into jobs.missed_slots select 'one', d.at, d.at, 1, 'down', 'skip', d.at"
            " from (select core.now() - %s * interval '1 day') as d (at)",
            [days],
        )
        for table, columns in (
            ("events", "happened_at, kind, job_name, details) select d.at, 'failed', 'one', '{}'"),
            ("outages", "began_at, ended_at) select d.at - interval '1 hour', d.at"),
            ("refused_triggers", "refused_at, job_name, caller, reason) select d.at, 'one', 'anon', ''"),
        ):
            quiet.owner.execute(
                f"insert into jobs.{table} ({columns} from (select core.now() - {days} * interval '1 day')"
                " as d (at)".encode()
            )
    purge(quiet)
    for table in ("missed_slots", "events", "outages", "refused_triggers"):
        assert quiet.value(f"select count(*) from jobs.{table}") == 1, table
