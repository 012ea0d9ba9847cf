"""The demo's database: made anew, migrated with a clock that moves, driven as pg_cron drives it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from demo.recreation import pg_cron_runs
from dotbase.connection import connect
from dotbase.errors import DotbaseError
from dotbase.migrate import migration
from dotbase.migrate.report import Silent
from dotbase.migrate.run import RunOptions, open_run
from dotbase.options import GlobalOptions

LAST_RUN = """
select r.status, r.result, a.message
from jobs.runs as r
inner join jobs.attempts as a on a.run_id = r.run_id
where r.job_name = %s
order by r.slot_at desc, a.attempt_no desc
limit 1
"""


class Database:
    """The demo's database, as its superuser, as the roles of its clients, and as pg_cron."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = str(conninfo_to_dict(url).get("dbname") or "")
        self.owner = connect(url, application_name="dotbase demo")
        self._cron = self.as_role("dotbase_cron")

    def close(self) -> None:
        """Close the connections."""
        self._cron.close()
        self.owner.close()

    def as_role(self, role: str) -> psycopg.Connection[Any]:
        """A session of a login role, as if it had logged in itself."""
        connection = connect(self.url, application_name=f"dotbase demo as {role}")
        connection.execute(sql.SQL("set session authorization {}").format(sql.Identifier(role)))
        return connection

    def as_authenticator(self) -> psycopg.Connection[Any]:
        """A session of PostgREST's role."""
        return self.as_role("authenticator")

    def move_clock(self, at: datetime | None) -> None:
        """Set the clock that business rules see; None: real time."""
        self.owner.execute("update test_clock.moved_clock set moved_to = %s", [at])

    def run_job(self, name: str) -> dict[str, Any]:
        """Run a job as pg_cron does, for the slot that is due by the clock; what it returned."""
        self._cron.execute("call jobs.run(%s)", [name])
        row = self.owner.execute(LAST_RUN, [name]).fetchone()
        if row is None or row[0] != "succeeded":
            reason = "it did not run" if row is None else row[2] or row[0]
            raise DotbaseError(f"the job {name} failed: {reason}", "look into jobs.attempts")
        result: dict[str, Any] = row[1]
        return result

    def proofs(self) -> list[tuple[str, bool, str]]:
        """`ledger.check()`: each rule of the books, whether it holds, and the figures."""
        return self.owner.execute('select rule, ok, detail from ledger."check"()').fetchall()

    def go_live(self) -> bool:
        """Back to real time, schedules on pg_cron; False where pg_cron lives in another database."""
        self.move_clock(None)
        self.run_job("make_partitions")
        row = self.owner.execute("select jobs.set_live(true)").fetchone()
        if row != (True,):
            return False
        if not pg_cron_runs(self.url):
            raise DotbaseError("pg_cron's launcher does not run on the server", "restart the server")
        return True

    def schedules(self) -> list[tuple[str, str, str, str | None]]:
        """Each job: name, local schedule, zone, and pg_cron's own line in GMT where it is live."""
        has_cron = self.owner.execute("select to_regclass('cron.job') is not null").fetchone() == (True,)
        lines = "select jobname, schedule from cron.job where active"
        rows = self.owner.execute(lines).fetchall() if has_cron else []
        live = {str(name): str(schedule) for name, schedule in rows}
        jobs = self.owner.execute("select job_name, schedule, zone from jobs.jobs order by 1")
        return [(name, schedule, zone, live.get(name)) for name, schedule, zone in jobs]


def migrate(options: GlobalOptions) -> None:
    """`dotbase migrate` with a clock that moves; then schedules are declared, not live."""
    with open_run(options, RunOptions(target="postgres", clock="movable"), Silent()) as (run, _, _):
        migration.migrate(run)
