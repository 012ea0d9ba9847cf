"""Places: jobs that hang never take the slots of pg_cron that the watcher and other jobs need. Fault 41."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.target import OWNER
from tests.harness.waiting import until
from tests.jobs.shop import attempts, declare, job, missed
from tests.jobs.test_time_limits import watched

TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)
LIMIT = timedelta(seconds=4)
HANGING = [f"hang_{number}" for number in range(8)]


@pytest.fixture
def crowded(quiet: Database) -> Database:
    """Four places, and eight jobs that hang for their four seconds."""
    hanging = [
        job(name, routine="shop.work_slowly", time_limit="4 seconds", attempts=1, catch_up="skip")
        for name in HANGING
    ]
    declare(quiet.owner, *hanging, job("work", routine="shop.work", catch_up="skip"), app="places")
    quiet.owner.execute("update core.settings set value = '4' where name = 'jobs.concurrent_runs'")
    quiet.clock(TEN)
    return quiet


@contextmanager
def hung(db: Database, places: int = 2) -> Iterator[None]:
    """As many of them as find a place are at work."""
    with ThreadPoolExecutor(len(HANGING)) as pool:
        running = [pool.submit(db.run_job, name) for name in HANGING]
        until(
            lambda: sum(one.done() for one in running) == len(HANGING) - places and db.value(BUSY) == places,
            seconds=30,
        )
        yield


BUSY = "select count(*) from jobs.attempts where status = 'running'"


def test_who_finds_no_place_returns_at_once_and_every_limit_is_kept(crowded: Database) -> None:
    with watched(crowded), hung(crowded):
        assert crowded.run_job("work") is None, "turned away: its slot is for catch_up"
    ended = [attempt for name in HANGING for attempt in attempts(crowded, name)]
    assert [attempt["status"] for attempt in ended] == ["timed_out"] * 2
    for attempt in ended:
        assert LIMIT <= attempt["finished_at"] - attempt["started_at"] < LIMIT + timedelta(seconds=2)
    run = crowded.run_job("work")
    assert run is not None
    assert run["status"] == "succeeded", "a place is free again"
    held = (
        "select count(*) from pg_locks as l inner join pg_database as d on d.oid = l.database"
        " where datname = current_database() and l.classid = core.place_locks()::oid"
    )
    assert crowded.value(held) == 0


def test_a_slot_that_found_no_place_is_accounted_for(crowded: Database) -> None:
    with watched(crowded), hung(crowded):
        crowded.run_job("work")
    crowded.clock(TEN + timedelta(minutes=5))
    with crowded.as_cron() as session:
        session.execute("call jobs.catch_up(0)")
    assert [(first, reason) for first, _, _, _, reason in missed(crowded, "work")] == [(TEN, "skip")]


def test_jobs_that_are_known_to_end_find_a_place_beside_those_that_hang(crowded: Database) -> None:
    crowded.run_job("work")
    crowded.clock(TEN + timedelta(hours=1))
    with watched(crowded), hung(crowded):
        run = crowded.run_job("work")
        assert run is not None
        assert (run["status"], run["slot_at"]) == ("succeeded", TEN + timedelta(hours=1))


def test_who_begins_to_hang_has_half_of_the_places_from_his_next_slot_on(crowded: Database) -> None:
    crowded.owner.execute("insert into shop.slowness values ('0')")
    for name in HANGING:
        crowded.run_job(name)
    crowded.owner.execute("update shop.slowness set duration = '1 minute'")
    crowded.clock(TEN + timedelta(hours=1))
    with watched(crowded), hung(crowded, places=4):
        pass
    late = [name for name in HANGING if not crowded.value("select jobs.is_known_to_end(%s)", name)]
    assert len(late) == 4
    crowded.clock(TEN + timedelta(hours=2))
    with watched(crowded), ThreadPoolExecutor(4) as pool:
        running = [pool.submit(crowded.run_job, name) for name in late]
        until(lambda: sum(one.done() for one in running) == 2 and crowded.value(BUSY) == 2, seconds=30)
        assert (crowded.run_job("work") or {}).get("status") is None, "of it nothing is known yet"


def test_who_gives_all_locks_back_does_not_give_his_place_away(quiet: Database) -> None:
    quiet.owner.execute("update core.settings set value = '1' where name = 'jobs.concurrent_runs'")
    quiet.owner.execute(
        "create function shop.give_back() returns jsonb language plpgsql as $$ begin"
        " perform pg_advisory_unlock_all(), pg_sleep(2); return '{}'; end $$;"
        f"alter function shop.give_back() owner to {OWNER}".encode()
    )
    declare(quiet.owner, job("give_back", routine="shop.give_back"), job("work"), app="places")
    quiet.clock(TEN)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(quiet.run_job, "give_back")
        asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = %s"
        until(lambda: quiet.value(asleep, quiet.name))
        assert quiet.run_job("work") is None
        assert (running.result(timeout=20) or {})["status"] == "succeeded"
    assert (quiet.run_job("work") or {})["status"] == "succeeded"


def test_the_doctor_names_who_holds_the_places(crowded: Database) -> None:
    found = "select finding, detail, remedy from jobs.place_findings()"
    [more] = crowded.rows(found)
    assert more["finding"] == "more jobs are on than may run at once"
    assert "9 jobs, 4 places" in more["detail"]
    with watched(crowded), hung(crowded):
        [first, _] = crowded.rows(found)
        assert first["finding"] == "jobs find no place"
        assert "2 of 4 places are taken, for longest by hang_" in first["detail"]
    crowded.owner.execute("update jobs.heartbeats set heartbeat_at = now() - interval '61 minutes'")
    crowded.owner.execute("update core.settings set value = '9' where name = 'jobs.concurrent_runs'")
    assert crowded.rows(found) == []
