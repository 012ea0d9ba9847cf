"""The one database of the tests' cluster that pg_cron lives in, prepared when the templates changed.

Several runs of the tests may share it: none of them prepares anew what another one waits in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from dotbase.migrate.migration import Outcome, migrate
from dotbase.migrate.run import Run
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.steps import Step
from tests.harness import coverage, supabase, templates
from tests.harness import server as servers
from tests.harness.clones import Clones
from tests.harness.databases import Database
from tests.harness.server import ROOT, Server, one_process
from tests.harness.target import OWNER, SUPABASE, SUPERUSER, TARGET, missing, variables
from tests.jobs.shop import SHOP, declare, job

ARMED = "armed"
OURS = """
select nspname from pg_namespace
where not starts_with(nspname, 'pg_') and nspname not in ('information_schema', 'public', 'cron')
    and (%s or nspowner = 'postgres'::regrole)
"""


@contextmanager
def live_database(server: Server, clones: Clones) -> Iterator[Database]:
    """pg_cron's database, for one test at a time in all workers.

    In a cluster of its own: while pg_cron's launcher waits for a task, it does not take part in what
    Postgres asks of every process, and each `drop database` of the other tests would wait for it.
    """
    with one_process("pg-cron"):
        server = servers.start("live")
        with server.connect("postgres") as connection:
            row = connection.execute("select current_setting('cron.database_name', true)").fetchone()
        if row is None or not row[0]:
            pytest.skip(missing("pg_cron"))
        database = Database(server, row[0])
        if SUPABASE and not database.value("select to_regnamespace('auth') is not null"):
            supabase.hand_over(server, database.name)
            with server.connect(database.name, user=SUPERUSER) as connection:
                coverage.install(connection)
        steps = _steps(server.master_key_file)
        wanted = _fingerprint(steps)
        try:
            if _prepared(database) != wanted:
                _call_prepared(database, None)
                _prepare(database, steps)
                _call_prepared(database, wanted)
            elif not database.value("select count(*) from cron.job where jobname = %s", ARMED):
                database.owner.execute("select jobs.set_live(true)")
            yield database
        finally:
            with server.connect(database.name, user=SUPERUSER) as connection:
                clones.covered.merge(coverage.collect(connection))
            database.close()


@cache
def _steps(master_key_file: Path | None) -> Sequence[Step]:
    return render_steps(Project(ROOT), variables(master_key_file))


def _fingerprint(steps: Sequence[Step]) -> str:
    own = hashlib.sha256(SHOP.encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    return f"{templates.fingerprint(steps)} {own}"


def _prepared(database: Database) -> object:
    return database.value(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    )


def _call_prepared(database: Database, fingerprint: str | None) -> None:
    """Half prepared, it is of no templates."""
    comment = sql.SQL("comment on database {} is {}").format(
        sql.Identifier(database.name), sql.Literal(fingerprint)
    )
    with database.server.connect(database.name, user=SUPERUSER) as connection:
        connection.execute(comment)


def migrate_live(database: Database) -> Outcome:
    """What `dotbase migrate` does there."""
    return _migrate(database, _steps(database.server.master_key_file))


def _migrate(database: Database, steps: Sequence[Step]) -> Outcome:
    key = database.server.master_key_file
    with psycopg.connect(database.server.conninfo(database.name), autocommit=True) as connection:
        return migrate(
            Run(connection, steps, TARGET, "movable", OWNER, str(key) if key and not SUPABASE else None)
        )


def _prepare(database: Database, steps: Sequence[Step]) -> None:
    """Everything anew, schedules live, and a job of each minute armed."""
    with database.owner.transaction():
        if database.value("select to_regclass('cron.job')"):
            database.owner.execute("select cron.unschedule(jobid) from cron.job")
            database.owner.execute("delete from cron.job_run_details")
        for row in database.rows(OURS, not SUPABASE):
            schema = sql.Identifier(row["nspname"])
            database.owner.execute(sql.SQL("drop schema {} cascade").format(schema))
    if not SUPABASE:
        coverage.install(database.owner)
    database.close()
    _migrate(database, steps)
    with database.owner.transaction():
        database.owner.execute(f"set local role {OWNER}".encode())
        database.owner.execute(SHOP.encode())
    declare(database.owner, job(ARMED, "* * * * *", "shop.fire"), app="armed")
    database.owner.execute("select jobs.set_live(true)")
