"""A draw and a settlement, their server process killed by kill -9 at a random instant.

The server goes through crash recovery; then all is as before or all is done, the books add up, and the job's
next run ends where an undisturbed one ends.
"""

from __future__ import annotations

import time

from tests.harness.databases import Database
from tests.harness.kill import Torture
from tests.jobs.shop import recover
from tests.luckywalk.weeks import WEEK, close_week, enter, job, open_week, pour
from tests.torture import states

TICKETS = 4000
BEYOND = 1.4  # of the undisturbed time: some kills come after the commit, which must then have lasted


def test_a_killed_draw_is_old_or_new(torture: Torture, kill_seed: int) -> None:
    _fill(torture.database)
    _kill(torture, kill_seed, "draw_apply_results", "select luckywalk.draw_apply_results()", "settle_round")


def test_a_killed_settlement_is_old_or_new(torture: Torture, kill_seed: int) -> None:
    _fill(torture.database)
    assert job(torture.database, "draw_apply_results")["processed"] == 1
    torture.database.clock(WEEK.settles_at)
    _kill(torture, kill_seed, "settle_round", "select luckywalk.settle_due_rounds()", "draw_apply_results")


def _fill(db: Database) -> None:
    open_week(db)
    pour(db, WEEK, TICKETS)
    close_week(db)
    enter(db)


def _seconds_of_an_idle_run(db: Database, job_name: str) -> float:
    """What `jobs.run` itself takes in a new session: claiming, recording, its commits."""
    with db.as_cron() as connection:
        started = time.perf_counter()
        connection.execute("call jobs.run(%s)", [job_name])
        return time.perf_counter() - started


def _kill(torture: Torture, seed: int, name: str, effect: str, idle: str) -> None:
    db = torture.database
    expected = states.undisturbed(db, effect)
    within = _seconds_of_an_idle_run(db, idle) + BEYOND * expected.seconds
    kill = torture.kill_backend("dotbase_cron", f"call jobs.run('{name}')", within)

    with db.server.connect(db.name) as connection:
        found = expected.name(states.take(connection))
    run = states.run_status(db, name)
    ended = "ended before the kill" if kill.finished else "killed"
    print(
        f"{name}, seed {seed}: {ended} after {1000 * kill.after:.1f} of "
        f"{1000 * within:.1f} ms: {found}, run {run or 'not begun'}"
    )
    assert found in ("old", "new")
    assert not kill.finished or found == "new"
    assert (run == "succeeded") == (found == "new"), "the record of the run and its effect go together"
    assert states.broken_rules(db) == ""

    # The slot is tried again, as pg_cron would: it ends where nobody disturbed it, then does nothing more.
    for _ in range(2):
        recover(db)
        db.run_job(name)
        with db.server.connect(db.name) as connection:
            assert expected.name(states.take(connection)) == "new"
    assert states.run_status(db, name) == "succeeded"
    assert states.broken_rules(db) == ""
