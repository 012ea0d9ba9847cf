"""Minutes of a town whose jobs nobody but pg_cron's launcher starts, with a kill -9 and an outage in them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dotbase import cluster
from dotbase.migrate.migration import migrate
from dotbase.migrate.run import Run
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.harness.databases import Database
from tests.harness.server import ROOT, Server, one_process
from tests.harness.target import only_on_postgres
from tests.jobs.shop import declare, events, job, missed, runs

pytestmark = [only_on_postgres("the platform's server is not ours to stop"), pytest.mark.pg_cron]

NAME = "launcher"
TOWN = (Path(__file__).parent / "town.sql").read_text()
EVERY_MINUTE = {"schedule": "* * * * *", "zone": "UTC", "gmt_schedule": "* * * * *"}
MINUTE = timedelta(minutes=1)
# From its slot: pg_cron looks once a second, and a session has to begin.
PROMPT = timedelta(seconds=5)


def once(name: str, **changes: Any) -> dict[str, Any]:
    """A job of the next full minute, and of no other minute of this hour."""
    return job(name, f"{_next_minute().minute} * * * *", f"town.{name}", **{"zone": "UTC", **changes})


def _next_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) + MINUTE


def wait(what: str, holds: Callable[[], object], seconds: float) -> None:
    """Look twice a second."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: waited in vain"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def town() -> Iterator[Database]:
    """A migrated database on a server of its own, in real time, without jobs; nothing is left of it."""
    with one_process(NAME):
        cluster.destroy(NAME, ROOT)
        cluster.start(NAME, ROOT)
        try:
            server = Server(cluster.local_url(NAME, "postgres", root=ROOT))
            database = Database(server, "dotbase")
            variables = Variables(clock="real")
            with server.connect("dotbase") as connection:
                steps = render_steps(Project(ROOT), variables)
                migrate(Run(connection, steps, "postgres", variables.clock, variables.owner))
                with connection.transaction():
                    connection.execute("set local role dotbase_owner")
                    connection.execute(TOWN.encode())
            for row in database.rows("select distinct app from jobs.jobs"):
                declare(database.owner, app=row["app"])
            yield database
            database.close()
        finally:
            cluster.destroy(NAME, ROOT)


def steps(town: Database, what: str) -> list[dict[str, Any]]:
    return town.rows("select * from town.steps where what = %s order by at", what)


def of_attempts(town: Database, name: str) -> list[dict[str, Any]]:
    return town.rows(
        "select a.* from jobs.attempts as a inner join jobs.runs as r on r.run_id = a.run_id "
        "where r.job_name = %s order by a.run_id, a.attempt_no",
        name,
    )


def begins_early_in_a_minute(seconds: int = 45) -> None:
    """What is declared now is declared well before the next full minute."""
    if (second := datetime.now(UTC).second) > seconds:
        time.sleep(61 - second)


def test_one_is_fired_one_ends_by_its_limit_one_chats_and_one_digs_across_two_minutes(town: Database) -> None:
    begins_early_in_a_minute()
    first = _next_minute()
    declare(
        town.owner,
        job("strike", routine="town.strike", **EVERY_MINUTE),
        once("sleep_on", time_limit="5 seconds", attempts=1),
        once("chat", time_limit="58 seconds"),
        once("dig", time_limit="3 minutes"),
        app="town",
    )
    wait("dig", lambda: [r for r in runs(town, "dig") if r["status"] == "succeeded"], 190)

    [limited] = of_attempts(town, "sleep_on")
    assert limited["status"] == "timed_out"
    took = limited["finished_at"] - limited["started_at"]
    assert timedelta(seconds=5) <= took < timedelta(seconds=7), took
    assert steps(town, "sleep_on") == [], "what it did is rolled back"
    assert events(town, "sleep_on") == ["timed_out"]

    [chat] = runs(town, "chat")
    assert (chat["status"], chat["processed"], chat["slot_at"]) == ("succeeded", 5000, first)
    assert chat["finished_at"] - chat["started_at"] > timedelta(seconds=50)

    [dig] = runs(town, "dig")
    assert (dig["slot_at"], dig["slices"], dig["processed"]) == (first, 40, 40)
    dug = steps(town, "dig")
    assert {step["slot_at"] for step in dug} == {first}
    assert dug[-1]["at"] - dug[0]["at"] > MINUTE
    assert len({step["at"].minute for step in dug}) >= 2

    # Meanwhile nobody else was stalled: each minute was struck once, and in time.
    strikes = steps(town, "strike")
    assert [s["slot_at"] for s in strikes] == [first + n * MINUTE for n in range(len(strikes))]
    assert len(strikes) >= 2
    assert all(s["at"] - s["slot_at"] < PROMPT for s in strikes), strikes


@pytest.mark.timeout(600)
def test_twice_as_many_jobs_that_hang_as_pg_cron_has_slots_keep_nobody_from_running(town: Database) -> None:
    """Fault 41. The watcher ends each of them in time, and who works runs each minute."""
    hanging = [
        job(
            f"hang_{number:02}",
            routine="town.sleep_on",
            time_limit="25 seconds",
            attempts=1,
            **EVERY_MINUTE | {"catch_up": "skip"},
        )
        for number in range(64)
    ]
    declare(town.owner, job("strike", routine="town.strike", **EVERY_MINUTE), app="town")
    wait("strike", lambda: [r for r in runs(town, "strike") if r["status"] == "succeeded"], 75)
    begins_early_in_a_minute()
    first = _next_minute()
    declare(town.owner, job("strike", routine="town.strike", **EVERY_MINUTE), *hanging, app="town")
    wait("four minutes", lambda: datetime.now(UTC) >= first + 4 * MINUTE - timedelta(seconds=10), 310)
    assert town.value("select count(*) from jobs.place_findings()") == 2
    ended = town.rows(
        "select a.* from jobs.attempts as a inner join jobs.runs as r on r.run_id = a.run_id"
        " where starts_with(r.job_name, 'hang_') and a.finished_at is not null"
    )
    declare(town.owner, job("strike", routine="town.strike", **EVERY_MINUTE), app="town")
    assert len(ended) >= 4 * 14, "the jobs did not hang all at once"
    assert {attempt["status"] for attempt in ended} == {"timed_out"}
    longest = max(attempt["finished_at"] - attempt["started_at"] for attempt in ended)
    assert timedelta(seconds=25) <= longest < timedelta(seconds=27), longest
    struck = [step for step in steps(town, "strike") if step["slot_at"] >= first]
    assert [s["slot_at"] for s in struck] == [first + n * MINUTE for n in range(4)]
    assert all(s["at"] - s["slot_at"] < 2 * PROMPT for s in struck), struck
    wait(
        "the end of those that hang",
        lambda: town.value("select not exists (select from jobs.runs where status = 'running')"),
        60,
    )


def test_one_whose_backend_is_killed_is_tried_again_within_the_next_minute(town: Database) -> None:
    begins_early_in_a_minute()
    slot = _next_minute()
    declare(town.owner, job("strike", routine="town.strike", **EVERY_MINUTE), once("carry"), app="town")
    wait("carry", lambda: [r for r in runs(town, "carry") if r["status"] == "running"], 75)
    time.sleep(3)
    [victim] = of_attempts(town, "carry")
    assert "postgres" in Path(f"/proc/{victim['server_process']}/comm").read_text()
    os.kill(victim["server_process"], signal.SIGKILL)
    killed_at = datetime.now(UTC)
    wait("recovery", lambda: _answers(town), 60)
    wait("carry", lambda: [r for r in runs(town, "carry") if r["status"] == "succeeded"], 130)

    crashed, retried = of_attempts(town, "carry")
    assert (crashed["status"], crashed["server_process"]) == ("crashed", victim["server_process"])
    assert crashed["finished_at"] - killed_at < MINUTE + PROMPT
    assert (retried["status"], retried["trigger"]) == ("succeeded", "retry")
    [step] = steps(town, "carry")
    assert (step["slot_at"], step["server_process"]) == (slot, retried["server_process"])


def test_slots_missed_while_the_server_was_stopped_are_caught_up_in_order(town: Database) -> None:
    everything = {"catch_up": "all", "catch_up_age": "1 hour"}
    declare(town.owner, job("strike", routine="town.strike", **EVERY_MINUTE, **everything), app="town")
    wait("strike", lambda: 2 <= datetime.now(UTC).second < 50, 20)
    town.close()
    cluster.stop(NAME, ROOT)
    stopped_at = datetime.now(UTC)
    time.sleep(100)
    cluster.start(NAME, ROOT)
    started_at = datetime.now(UTC)
    slot, lost = stopped_at.replace(second=0, microsecond=0) + MINUTE, []
    while slot < started_at:
        lost.append(slot)
        slot += MINUTE
    assert len(lost) >= 1
    late = "select * from jobs.runs where job_name = 'strike' and late order by slot_at"
    wait(
        "catching up",
        lambda: [r["slot_at"] for r in town.rows(late) if r["status"] == "succeeded"][-len(lost) :] == lost,
        200,
    )

    found = {r["slot_at"]: r for r in runs(town, "strike") if r["slot_at"] >= lost[0]}
    assert [found[slot]["trigger"] for slot in lost] == ["catch_up"] * len(lost)
    caught = [s["slot_at"] for s in steps(town, "strike") if s["slot_at"] in lost]
    assert caught == lost, "each once, the oldest first"
    assert town.value("select count(*) from jobs.outages where ended_at > %s", started_at) == 1


def test_in_the_end_every_minute_ran_once_or_is_accounted_for(town: Database) -> None:
    """All that happened above, looked at as a DBA would."""
    struck = [s["slot_at"] for s in steps(town, "strike")]
    assert len(struck) == len(set(struck))
    reconciled = town.value("select reconciled_until from jobs.jobs where job_name = 'strike'")
    accounted = set(struck)
    for first, last, *_ in missed(town, "strike"):
        while first <= last:
            accounted.add(first)
            first += MINUTE
    wanted = {min(struck) + n * MINUTE for n in range(int((reconciled - min(struck)) / MINUTE) + 1)}
    assert wanted <= accounted | {r["slot_at"] for r in runs(town, "strike")}
    unfinished = town.rows(
        "select * from jobs.runs where slot_at < now() - interval '2 minutes' "
        "and status not in ('succeeded', 'failed')"
    )
    assert unfinished == []


def _answers(town: Database) -> bool:
    try:
        town.close()
        return bool(town.value("select true"))
    except psycopg.OperationalError:
        return False
