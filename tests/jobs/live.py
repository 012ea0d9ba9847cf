"""The one database of the tests' cluster that pg_cron lives in, prepared once a run of the tests."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from dotbase.migrate.apply import migrate
from dotbase.migrate.session import Run
from dotbase.project import Project
from dotbase.render import Variables, render_steps
from tests.harness import coverage
from tests.harness.databases import Clones, Database
from tests.harness.server import ROOT, Server, one_process
from tests.jobs.shop import SHOP, declare, job

# Workers of xdist share the first; without xdist this process is the run.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
ARMED = "armed"
OURS = """
select nspname from pg_namespace
where not starts_with(nspname, 'pg_') and nspname not in ('information_schema', 'public', 'cron')
"""


@contextmanager
def live_database(server: Server, clones: Clones) -> Iterator[Database]:
    """pg_cron's database, for one test at a time in all workers."""
    with one_process("pg-cron"):
        with server.connect("postgres") as connection:
            row = connection.execute("select current_setting('cron.database_name', true)").fetchone()
        if row is None or not row[0]:
            pytest.skip("pg_cron is not loaded in this server")
        database = Database(server, row[0])
        try:
            if _run_that_prepared(database) != RUN:
                _prepare(database)
            yield database
        finally:
            with server.connect(database.name) as connection:
                clones.covered.merge(coverage.collect(connection))
            database.close()


def _run_that_prepared(database: Database) -> object:
    return database.value(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    )


def _prepare(database: Database) -> None:
    """Everything anew, schedules live, and a job of each minute armed."""
    name = sql.Identifier(database.name)
    with database.owner.transaction():
        if database.value("select to_regclass('cron.job')"):
            database.owner.execute("select cron.unschedule(jobid) from cron.job")
            database.owner.execute("truncate cron.job_run_details")
        for row in database.rows(OURS):
            schema = sql.Identifier(row["nspname"])
            database.owner.execute(sql.SQL("drop schema {} cascade").format(schema))
    coverage.install(database.owner)
    database.close()
    _migrate(database)
    with database.owner.transaction():
        database.owner.execute("set local role dotbase_owner")
        database.owner.execute(SHOP.encode())
    declare(database.owner, job(ARMED, "* * * * *", "shop.fire"), app="armed")
    database.owner.execute("select jobs.set_live(true)")
    database.owner.execute(sql.SQL("comment on database {} is {}").format(name, sql.Literal(RUN)))


def _migrate(database: Database) -> None:
    key = database.server.master_key_file
    variables = Variables(target="postgres", clock="movable", master_key_file=key)
    steps = render_steps(Project(ROOT), variables)
    with psycopg.connect(database.server.conninfo(database.name), autocommit=True) as connection:
        migrate(
            Run(connection, steps, "postgres", variables.clock, variables.owner, str(key) if key else None)
        )
