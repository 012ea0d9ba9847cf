"""A test's database is the template's equal, its own, and gone after."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.harness import coverage, templates
from tests.harness.clones import PREFIX, Clones
from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.server import Server


def test_the_clock_moves_for_every_session(db: Database) -> None:
    db.clock("2025-01-04 20:00")
    moved = datetime(2025, 1, 4, 11, tzinfo=UTC)
    assert db.value("select core.now()") == moved
    assert db.call(walker(1), "my_today").row["day"] == "2025-01-04"
    db.clock(None)
    assert db.value("select core.now() = now()")


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_a_test_does_is_not_seen_by_the_next(db: Database, attempt: int) -> None:
    db.clock("2025-01-06 09:00")
    assert db.call(walker(1), "my_today").row["steps"] == 0
    assert db.call(walker(1), "report_steps", steps=attempt * 100).row["steps"] == attempt * 100


def test_a_job_runs_as_cron_and_its_run_comes_back(db: Database) -> None:
    db.clock("2025-01-05 12:30")
    run = db.run_job("create_new_round")
    assert run is not None
    assert (run["status"], run["sqlstate"], run["slot_at"]) == (
        "succeeded",
        None,
        datetime(2025, 1, 5, 3, 30, tzinfo=UTC),
    )


def test_settings_and_privileges_of_the_database_are_the_templates(
    db: Database, clones: Clones, maintenance: psycopg.Connection[Any]
) -> None:
    query = (
        "select array_agg((s.setrole, s.setconfig)::text order by s.setrole), min(d.datacl::text) "
        "from pg_database as d left join pg_db_role_setting as s on s.setdatabase = d.oid "
        "where d.datname = %s"
    )
    of_clone = maintenance.execute(query, [db.name]).fetchone()
    of_template = maintenance.execute(query, [clones.template]).fetchone()
    assert of_clone == of_template
    assert ("profiler" in str(of_clone)) == coverage.THERE


def test_executed_statements_are_counted_once_collected_and_forgotten(
    db: Database, plpgsql_check: None
) -> None:
    db.clock("2025-01-06 09:00")
    db.call(walker(1), "report_steps", steps=1)
    with db.server.connect(db.name) as connection:
        seen = coverage.collect(connection)
        again = coverage.collect(connection)
    assert any(signature.startswith("luckywalk.report_steps(") for signature, _ in seen.executed)
    assert not again.executed


def test_a_dead_workers_clones_are_dropped_and_living_ones_kept(
    db: Database, clones: Clones, maintenance: psycopg.Connection[Any]
) -> None:
    dead = f"{PREFIX}0_1"  # no server process has the number 0
    maintenance.execute(sql.SQL("create database {}").format(sql.Identifier(dead)))
    clones.drop_leftovers()
    names = maintenance.execute(
        "select datname from pg_database where datname = any (%s)", [[dead, db.name]]
    ).fetchall()
    assert names == [(db.name,)]


def test_the_templates_name_follows_the_rendered_text(server: Server) -> None:
    steps = templates.steps(server)
    assert templates.fingerprint(steps) == templates.fingerprint(templates.steps(server))
    assert templates.fingerprint(steps) != templates.fingerprint(steps[:-1])
