"""Jobs of the tests' own, declared as cron/<app>.yaml declares them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from dotbase.render.declarations.cron import Job, declared
from tests.harness.databases import Database
from tests.harness.target import OWNER

SHOP = (Path(__file__).parent / "shop.sql").read_text()
Declared = dict[str, Any]


def job(name: str, schedule: str = "0 * * * *", routine: str = "shop.work", **changes: Any) -> Declared:
    """A job as the generator declares it, woken each minute; `changes` need not be what it would declare."""
    about = Job(about="For tests.", schedule=schedule, function="work", time_limit="60s")
    woken = {"gmt_schedule": "* * * * *", "routine": routine}
    return {**declared("shop", name, about, "Asia/Seoul"), **woken, **changes}


def declare(connection: psycopg.Connection[Any], *jobs: Declared, app: str = "shop") -> None:
    """Make these the app's jobs, as a migration does."""
    with connection.transaction():
        connection.execute(f"set local role {OWNER}".encode())
        connection.execute("select jobs.declare(%s, %s)", [app, json.dumps(jobs)])


@contextmanager
def past_the_guards(db: Database) -> Iterator[None]:
    """Write what is long over, or what only a crash leaves: no run may begin as one that has ended."""
    with db.owner.transaction():
        # Inside of a test's own transaction they would stay.
        role = db.value("select current_setting('role')")
        db.owner.execute("set local role none; set local session_replication_role = replica")
        yield
        db.owner.execute(f"set local session_replication_role = origin; set local role {role}".encode())


def stock(db: Database) -> None:
    """Add the tests' business functions, and take the apps' own jobs away."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(SHOP.encode())
    for row in db.rows("select distinct app from jobs.jobs"):
        declare(db.owner, app=row["app"])


def open_shop(db: Database) -> None:
    """Add the tests' business functions and one job for each."""
    stock(db)
    names = ["work", "fail", "fail_the_first_time", "assert_wrongly", "work_slowly", "who"]
    declare(db.owner, *[job(name, routine=f"shop.{name}") for name in names])


def effects(db: Database) -> int:
    """How many effects the jobs left."""
    return int(db.value("select count(*) from shop.effects"))


def attempts(db: Database, name: str) -> list[dict[str, Any]]:
    """All attempts of a job, in order."""
    return db.rows(
        "select a.*, r.slot_at, r.status as run_status from jobs.attempts as a "
        "inner join jobs.runs as r on r.run_id = a.run_id where r.job_name = %s "
        "order by a.run_id, a.attempt_no",
        name,
    )


def catch_up(db: Database) -> None:
    """One pass through the queue, as pg_cron's role."""
    with db.as_cron() as session:
        session.execute("call jobs.catch_up(0)")


def watch(db: Database) -> None:
    """One look of the watcher, as pg_cron's role."""
    with db.as_cron() as session:
        session.execute("call jobs.watch(0)")


def recover(db: Database) -> None:
    """What happens within two minutes of a crash: the watcher finds it, catch_up tries the slot again."""
    watch(db)
    db.owner.execute("update jobs.runs set due_at = clock_timestamp() where status = 'waiting'")
    catch_up(db)


def runs(db: Database, name: str) -> list[dict[str, Any]]:
    """All runs of a job by slot."""
    return db.rows("select * from jobs.runs where job_name = %s order by slot_at", name)


def missed(db: Database, name: str) -> list[tuple[datetime, datetime, int, str, str]]:
    """What is kept of slots that did not run: first, last, how many, cause, reason."""
    rows = db.rows("select * from jobs.missed_slots where job_name = %s order by first_slot_at", name)
    return [(r["first_slot_at"], r["last_slot_at"], r["slots"], r["cause"], r["reason"]) for r in rows]


def events(db: Database, name: str) -> list[str]:
    """The kinds of a job's events, in order."""
    rows = db.rows("select kind from jobs.events where job_name = %s order by event_id", name)
    return [row["kind"] for row in rows]
