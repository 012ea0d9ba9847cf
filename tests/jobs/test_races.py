"""Races for one slot: many sessions trigger it while pg_cron wakes it twice; it takes effect once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import service
from tests.jobs.shop import catch_up, declare, effects, job, runs

TEN = "2025-01-06T01:00:00Z"
SESSIONS, WAKE_UPS = 30, 2


@pytest.fixture
def due(quiet: Database) -> Database:
    """A job whose slot of ten o'clock has just come, and that may be triggered."""
    declare(quiet.owner, job("work", routine="shop.work", triggered_by=["service_role"]), app="races")
    quiet.clock("2025-01-06 10:00")
    return quiet


def test_thirty_sessions_and_two_wake_ups_race_for_one_slot(due: Database) -> None:
    def act(session: Any, number: int) -> str:
        if number < WAKE_UPS:
            with due.as_cron() as cron:
                cron.execute("call jobs.run('work')")
            return "woken"
        return str(session.call(service, "trigger_job", job="work", slot=TEN).body["run_id"])

    answers = due.race(SESSIONS + WAKE_UPS, act)
    [run] = runs(due, "work")
    assert set(answers) == {"woken", str(run["run_id"])}, "everybody was told of the same run"
    assert run["slot_at"] == datetime(2025, 1, 6, 1, tzinfo=UTC)
    for _ in range(WAKE_UPS):
        catch_up(due)
        due.run_job("work")
    assert effects(due) == 1
    [run] = runs(due, "work")
    assert (run["status"], run["attempts"]) == ("succeeded", 1)
