"""Missed slots: caught up as the job declares, or kept with cause and reason. None is forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.harness.databases import ZONE, Database
from tests.jobs.shop import catch_up, declare, effects, events, job, missed, runs, watch

NINE = datetime(2025, 1, 6, 9, tzinfo=ZONE)
HOUR = timedelta(hours=1)


def outage(quiet: Database, hours: int = 5, **changes: Any) -> None:
    """A job each hour that ran at 10:00, then nobody watches for some hours."""
    declare(quiet.owner, job("hourly", routine="shop.work", **changes), app="missing")
    quiet.clock(NINE + HOUR)
    watch(quiet)
    quiet.run_job("hourly")
    quiet.clock(NINE + HOUR + hours * HOUR + timedelta(minutes=30))
    watch(quiet)
    catch_up(quiet)


def hours(quiet: Database, status: str = "succeeded") -> list[int]:
    return [run["slot_at"].astimezone(ZONE).hour for run in runs(quiet, "hourly") if run["status"] == status]


def test_by_default_the_latest_missed_slot_is_caught_up_and_the_others_are_superseded(
    quiet: Database,
) -> None:
    outage(quiet, catch_up="latest")
    assert hours(quiet) == [10, 15]
    assert [run["late"] for run in runs(quiet, "hourly")] == [False, True]
    assert runs(quiet, "hourly")[1]["trigger"] == "catch_up"
    assert missed(quiet, "hourly") == [(NINE + 2 * HOUR, NINE + 5 * HOUR, 4, "down", "superseded")]
    assert events(quiet, "hourly") == ["missed"]


def test_all_are_caught_up_oldest_first(quiet: Database) -> None:
    outage(quiet, catch_up="all")
    assert hours(quiet) == [10, 11, 12, 13, 14, 15]
    started = [run["started_at"] for run in runs(quiet, "hourly")]
    assert started == sorted(started)
    assert missed(quiet, "hourly") == []
    assert effects(quiet) == 6


def test_none_is_caught_up_where_only_the_moment_counts(quiet: Database) -> None:
    outage(quiet, catch_up="skip")
    assert hours(quiet) == [10]
    assert missed(quiet, "hourly") == [(NINE + 2 * HOUR, NINE + 6 * HOUR, 5, "down", "skip")]


def test_what_is_too_old_or_too_many_is_missed_and_not_forgotten(quiet: Database) -> None:
    outage(quiet, hours=6, catch_up="all", catch_up_age="4.6 hours", catch_up_count=3)
    assert hours(quiet) == [10, 14, 15, 16]
    assert missed(quiet, "hourly") == [
        (NINE + 2 * HOUR, NINE + 2 * HOUR, 1, "down", "too_old"),
        (NINE + 3 * HOUR, NINE + 4 * HOUR, 2, "down", "too_many"),
    ]


def test_weeks_of_minutes_are_accounted_for_to_the_minute(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", "* * * * *", routine="shop.work"), app="missing")
    quiet.clock(NINE + 30 * 24 * HOUR)
    catch_up(quiet)
    kept = missed(quiet, "hourly")
    assert [m[4] for m in kept] == ["too_old", "superseded"]
    assert kept[1][1] - kept[1][0] == timedelta(minutes=kept[1][2] - 1)
    assert effects(quiet) == 1
    # From 09:31 to 08:58, the last minute that a wake-up at 09:00 is not still in time for.
    assert sum(m[2] for m in kept) + 1 == 30 * 24 * 60 - 30 - 2


def test_a_wake_up_that_comes_some_seconds_late_is_in_time(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", routine="shop.work"), app="missing")
    quiet.clock(NINE + HOUR + timedelta(seconds=80))
    catch_up(quiet)
    assert runs(quiet, "hourly") == []
    quiet.run_job("hourly")
    assert hours(quiet) == [10]
    assert runs(quiet, "hourly")[0]["late"] is False


def test_a_job_whose_line_does_not_wake_it_is_found_out(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", routine="shop.work", catch_up="skip"), app="missing")
    for minute in range(25, 35):
        quiet.clock(NINE + HOUR - timedelta(minutes=30) + timedelta(minutes=minute))
        watch(quiet)
        catch_up(quiet)
    assert missed(quiet, "hourly") == [(NINE + HOUR, NINE + HOUR, 1, "not_woken", "skip")]


def test_what_a_job_misses_while_it_is_switched_off_is_kept_as_that(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", routine="shop.work", catch_up="all"), app="missing")
    quiet.owner.execute("select jobs.set_enabled('hourly', false)")
    quiet.clock(NINE + 3 * HOUR + timedelta(minutes=10))
    assert quiet.run_job("hourly") is None
    catch_up(quiet)
    quiet.owner.execute("select jobs.set_enabled('hourly', true)")
    catch_up(quiet)
    assert missed(quiet, "hourly") == [(NINE + HOUR, NINE + 3 * HOUR, 3, "off", "off")]
    assert events(quiet, "hourly") == []
    quiet.clock(NINE + 4 * HOUR)
    quiet.run_job("hourly")
    assert hours(quiet) == [13]


def test_a_changed_schedule_holds_from_now_on_and_the_old_one_until_now(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", routine="shop.work", catch_up="skip"), app="missing")
    quiet.clock(NINE + 2 * HOUR + timedelta(minutes=45))
    declare(quiet.owner, job("hourly", "30 * * * *", routine="shop.work", catch_up="skip"), app="missing")
    assert missed(quiet, "hourly") == [(NINE + HOUR, NINE + 2 * HOUR, 2, "not_woken", "skip")]
    assert quiet.run_job("hourly") is None
    quiet.clock(NINE + 3 * HOUR + timedelta(minutes=31))
    quiet.run_job("hourly")
    assert [run["slot_at"] for run in runs(quiet, "hourly")] == [NINE + 3 * HOUR + timedelta(minutes=30)]


def awake(quiet: Database, first: int, last: int) -> None:
    """The watcher is at work from the one minute after 09:00 to the other."""
    for minutes in range(first, last + 1):
        quiet.clock(NINE + timedelta(minutes=minutes))
        watch(quiet)


def lasted(quiet: Database, minutes: int) -> None:
    """Let the only attempt have worked for so long."""
    quiet.owner.execute(
        "update jobs.attempts set finished_at = finished_at + %s * interval '1 minute'", [minutes]
    )


def test_a_job_that_is_busy_with_an_earlier_slot_misses_the_next_for_that_reason(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", routine="shop.work", catch_up="skip"), app="missing")
    awake(quiet, 59, 60)
    quiet.run_job("hourly")
    lasted(quiet, 70)
    awake(quiet, 61, 122)
    catch_up(quiet)
    assert [m[3:] for m in missed(quiet, "hourly")] == [("busy", "skip")]


def test_a_job_that_is_busy_with_a_slot_caught_up_misses_the_next_for_that_reason(quiet: Database) -> None:
    declare(quiet.owner, job("hourly", routine="shop.work"), app="missing")
    awake(quiet, 59, 115)
    catch_up(quiet)
    assert [run["late"] for run in runs(quiet, "hourly")] == [True]
    lasted(quiet, 10)
    declare(quiet.owner, job("hourly", routine="shop.work", catch_up="skip"), app="missing")
    awake(quiet, 116, 122)
    catch_up(quiet)
    assert [m[3:] for m in missed(quiet, "hourly")] == [("busy", "skip")]
