"""Jobs of the tests' own, declared as cron/<app>.yaml declares them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from dotbase.declarations.schedule import parse
from tests.harness.databases import Database

SHOP = (Path(__file__).parent / "shop.sql").read_text()
Declared = dict[str, Any]


def job(name: str, schedule: str = "0 * * * *", routine: str = "shop.work", **changes: Any) -> Declared:
    """A job as the generator declares it."""
    return {
        "name": name,
        "description": "For tests.",
        "schedule": schedule,
        "zone": "Asia/Seoul",
        **asdict(parse(schedule)),
        "gmt_schedule": "* * * * *",
        "routine": routine,
        "time_limit": "60 seconds",
        "attempts": 3,
        "retry_on": ["40P01", "55P03", "40001", "08"],
        "backoff_cap": "5 minutes",
        "catch_up": "latest",
        "catch_up_age": "1 day",
        "catch_up_count": 100,
        "required_settings": [],
        "required_secrets": [],
        "triggered_by": [],
        "enabled": True,
        **changes,
    }


def declare(connection: psycopg.Connection[Any], *jobs: Declared, app: str = "shop") -> None:
    """Make these the app's jobs, as a migration does."""
    with connection.transaction():
        connection.execute("set local role dotbase_owner")
        connection.execute("select jobs.declare(%s, %s)", [app, json.dumps(jobs)])


def open_shop(db: Database) -> None:
    """Add the tests' business functions and one job for each."""
    with db.owner.transaction():
        db.owner.execute("set local role dotbase_owner")
        db.owner.execute(SHOP.encode())
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
