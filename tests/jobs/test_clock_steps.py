"""Clock steps: put forward or back, late or raced, each slot is accounted for once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from tests.harness.databases import ZONE, Database
from tests.harness.waiting import until
from tests.jobs.shop import catch_up, declare, job, missed, runs, watch

NINE = datetime(2025, 1, 6, 9, tzinfo=ZONE)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def pass_at(quiet: Database, at: datetime) -> None:
    """What happens each minute, at this one."""
    quiet.clock(at)
    watch(quiet)
    catch_up(quiet)


def test_after_a_clock_that_was_days_ahead_slots_are_as_they_were(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", catch_up="skip"), app="steps")
    pass_at(quiet, NINE + HOUR + 2 * DAY)
    [(first, last, slots, *_)] = missed(quiet, "hourly")
    assert (first, last, slots) == (NINE + HOUR, NINE + 2 * DAY, 48)
    pass_at(quiet, NINE + 3 * HOUR + timedelta(minutes=10))
    quiet.run_job("hourly")
    [(first, last, slots, *_)] = missed(quiet, "hourly")
    assert (first, last, slots) == (NINE + HOUR, NINE + 3 * HOUR, 3), "what is to come is taken back"
    assert runs(quiet, "hourly") == [], "what was missed stays so"
    quiet.clock(NINE + 4 * HOUR)
    quiet.run_job("hourly")
    pass_at(quiet, NINE + 6 * HOUR + timedelta(minutes=10))
    assert [r["slot_at"] for r in runs(quiet, "hourly")] == [NINE + 4 * HOUR]
    assert [m[:3] for m in missed(quiet, "hourly")] == [
        (NINE + HOUR, NINE + 3 * HOUR, 3),
        (NINE + 5 * HOUR, NINE + 6 * HOUR, 2),
    ]


def test_a_clock_that_steps_back_time_and_again_stalls_nobody(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", catch_up="skip"), app="steps")
    for _ in range(3):
        pass_at(quiet, NINE + HOUR + timedelta(minutes=10))
        quiet.clock(NINE + timedelta(minutes=30))
        quiet.owner.execute("select jobs.set_enabled('hourly', enabled => false)")
        quiet.owner.execute("select jobs.set_enabled('hourly', enabled => true)")
    pass_at(quiet, NINE + 2 * HOUR + timedelta(minutes=10))
    assert [m[:3] for m in missed(quiet, "hourly")] == [(NINE + HOUR, NINE + 2 * HOUR, 2)]


def test_what_was_accounted_for_meanwhile_is_not_accounted_for_again(quiet: Database) -> None:
    declare(quiet.owner, job("minutely", "* * * * *", catch_up="skip"), app="steps")
    quiet.clock(NINE + HOUR)
    waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
    with (
        quiet.server.connect(quiet.name) as switching,
        quiet.as_cron() as cron,
        ThreadPoolExecutor(1) as pool,
    ):
        switching.execute("begin")
        switching.execute("select jobs.set_enabled('minutely', enabled => false)")
        switching.execute("select jobs.set_enabled('minutely', enabled => true)")
        passing = pool.submit(lambda: cron.execute("call jobs.catch_up(0)"))
        until(lambda: quiet.value(waits, cron.info.backend_pid))
        switching.execute("commit")
        passing.result(timeout=10)
    assert [m[:2] for m in missed(quiet, "minutely")] == [(NINE + timedelta(minutes=31), NINE + HOUR)]
    pass_at(quiet, NINE + HOUR + timedelta(minutes=3))
    assert [m[0] for m in missed(quiet, "minutely")][1:] == [NINE + HOUR + timedelta(minutes=1)]


def test_a_wake_up_long_after_the_slot_does_not_run_what_is_to_be_skipped(quiet: Database) -> None:
    skipped, wanted = job("skipped", catch_up="skip"), job("wanted", catch_up="latest")
    old = job("old", catch_up="latest", catch_up_age="10 minutes")
    declare(quiet.owner, skipped, wanted, old, app="steps")
    quiet.clock(NINE + HOUR + timedelta(minutes=50))
    for name in ("skipped", "wanted", "old"):
        quiet.run_job(name)
    catch_up(quiet)
    assert [m[0] for m in missed(quiet, "skipped")] == [m[0] for m in missed(quiet, "old")] == [NINE + HOUR]
    assert runs(quiet, "skipped") == runs(quiet, "old") == []
    [run] = runs(quiet, "wanted")
    assert (run["slot_at"], run["status"], run["late"]) == (NINE + HOUR, "succeeded", True)
