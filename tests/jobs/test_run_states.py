"""States of runs and attempts: the arrows in run_states.sql, all of them and no other, for the owner too."""

from __future__ import annotations

import re

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused, rolled_back
from tests.harness.server import ROOT
from tests.harness.target import OWNER

FILE = (ROOT / "functions/jobs/run_states.sql").read_text()
NEW = "(new)"
RUNS = ("queued", "running", "waiting", "succeeded", "failed", "skipped")
ATTEMPTS = ("running", "succeeded", "failed", "timed_out", "cancelled", "crashed", "interrupted")
MOMENTS = {
    "queued": "due_at = now(), deadline_at = null, finished_at = null",
    "waiting": "due_at = now(), deadline_at = null, finished_at = null",
    "running": "due_at = null, deadline_at = now(), finished_at = null",
}
ENDED = "due_at = null, deadline_at = null, finished_at = now()"
INSERT_RUN = "insert into jobs.runs (job_name, slot_at, status, trigger, due_at, deadline_at, finished_at)"
INSERT_ATTEMPT = (
    "insert into jobs.attempts (run_id, attempt_no, status, started_at, finished_at, server_process)"
    " select max(run_id), 1, %s, now(), case when %s <> 'running' then now() end, 0 from jobs.runs"
)


def arrows(kind: str) -> set[tuple[str, str]]:
    return set(re.findall(rf"^--     (\S+)\s+{kind} (\w+) ", FILE, re.MULTILINE))


def pairs(states: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(before, after) for before in (NEW, *states) for after in states if before != after]


def insert_run(db: Database, status: str) -> None:
    moments = dict(part.split(" = ") for part in MOMENTS.get(status, ENDED).split(", "))
    values = ", ".join(moments[name] for name in ("due_at", "deadline_at", "finished_at"))
    db.owner.execute(f"{INSERT_RUN} values ('work', core.now(), '{status}', 'schedule', {values})".encode())


def put(db: Database, status: str, attempt: str | None = None) -> None:
    """A run in this state, however it came there."""
    db.owner.execute("set local session_replication_role = replica")
    insert_run(db, status)
    if attempt:
        db.owner.execute(INSERT_ATTEMPT, [attempt, attempt])
    db.owner.execute("set local session_replication_role = origin")
    db.owner.execute(f"set local role {OWNER}".encode())


def change_run(db: Database, before: str, after: str) -> None:
    with rolled_back(db.owner):
        if before == NEW:
            insert_run(db, after)
            return
        put(db, before)
        db.owner.execute(f"update jobs.runs set status = '{after}', {MOMENTS.get(after, ENDED)}".encode())


def change_attempt(db: Database, before: str, after: str) -> None:
    with rolled_back(db.owner):
        put(db, "running", None if before == NEW else before)
        if before == NEW:
            db.owner.execute(INSERT_ATTEMPT, [after, after])
            return
        ended = "null" if after == "running" else "now()"
        db.owner.execute(f"update jobs.attempts set status = '{after}', finished_at = {ended}".encode())


@pytest.mark.parametrize(("before", "after"), pairs(RUNS))
def test_a_run_changes_along_the_arrows_alone(before: str, after: str, module_db: Database) -> None:
    if (before, after) in arrows("->"):
        change_run(module_db, before, after)
    else:
        with refused("run_transition_forbidden") as refusal:
            change_run(module_db, before, after)
        assert f'"to": "{after}"' in refusal.detail


@pytest.mark.parametrize(("before", "after"), pairs(ATTEMPTS))
def test_an_attempt_changes_along_the_arrows_alone(before: str, after: str, module_db: Database) -> None:
    if (before, after) in arrows("=>"):
        change_attempt(module_db, before, after)
    else:
        with refused("run_transition_forbidden"):
            change_attempt(module_db, before, after)


@pytest.mark.parametrize("status", RUNS)
def test_a_run_may_be_written_without_changing_its_state(status: str, module_db: Database) -> None:
    with rolled_back(module_db.owner):
        put(module_db, status)
        written = module_db.owner.execute("update jobs.runs set status = status, reason = 'as it was'")
        assert written.rowcount == 1


@pytest.mark.parametrize(
    ("states", "constraint", "kind"),
    [(RUNS, "runs_status_known", "->"), (ATTEMPTS, "attempts_status_known", "=>")],
)
def test_the_arrows_tell_every_state_that_the_table_allows(
    states: tuple[str, ...], constraint: str, kind: str, module_db: Database
) -> None:
    allowed = module_db.value(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = %s", constraint
    )
    assert set(re.findall(r"'(\w+)'::text", str(allowed))) == set(states)
    assert {state for arrow in arrows(kind) for state in arrow} == {NEW, *states}
