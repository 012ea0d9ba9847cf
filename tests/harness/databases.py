"""A database a test: cloned from the template, driven as its users drive it, dropped after."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import psycopg
import yaml
from psycopg import sql
from psycopg.rows import dict_row

from tests.harness import coverage
from tests.harness.figures import count
from tests.harness.postgrest import Postgrest
from tests.harness.schema_cache import SchemaCache
from tests.harness.server import ROOT, Server, one_process
from tests.harness.supabase import Others
from tests.harness.target import CRON, SUPABASE, SUPERUSER

PREFIX = "dotbase_clone_"
ZONE = ZoneInfo("Asia/Seoul")
Result = TypeVar("Result")

NEWEST_RUN = """
select r.*, a.attempt_no, a.sqlstate, a.message, a.detail, a.context
from jobs.runs as r
left join lateral (
    select * from jobs.attempts as a where a.run_id = r.run_id order by a.attempt_no desc limit 1
) as a on true
where r.job_name = %s
order by r.slot_at desc
limit 1
"""


class Database(Postgrest):
    """A test's own database: PostgREST's calls, the owner's look, pg_cron's jobs, the clock."""

    def __init__(self, server: Server, name: str, schema_cache: SchemaCache | None = None) -> None:
        super().__init__(lambda: server.connect(name, user="authenticator"), schema_cache)
        self.server = server
        self.name = name
        self._owner: psycopg.Connection[dict[str, Any]] | None = None

    @property
    def owner(self) -> psycopg.Connection[dict[str, Any]]:
        """A connection of `postgres` in autocommit, rows as dicts: a superuser, but on Supabase."""
        if self._owner is None or self._owner.closed:
            self._owner = self.server.connect(self.name)
            self._owner.row_factory = dict_row
        return self._owner

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row, as a superuser sees it; None without a row."""
        row = self.owner.execute(query.encode(), parameters or None).fetchone()
        return None if row is None else next(iter(row.values()))

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """All rows, as a superuser sees them."""
        return self.owner.execute(query.encode(), parameters or None).fetchall()

    def clock(self, at: datetime | str | None) -> None:
        """Move the clock: an instant, or text in Seoul's time (`2025-01-04 20:00`); None: real time."""
        if isinstance(at, str):
            at = datetime.fromisoformat(at)
        if at is not None and at.tzinfo is None:
            at = at.replace(tzinfo=ZONE)
        self.owner.execute("update test_clock.moved_clock set moved_to = %s", [at])

    def run_job(self, name: str) -> dict[str, Any] | None:
        """`call jobs.run(…)` as pg_cron does; the job's newest run with its last attempt, if any."""
        with self.as_cron() as connection:
            connection.execute("call jobs.run(%s)", [name])
        return self.owner.execute(NEWEST_RUN, [name]).fetchone()

    def as_cron(self) -> psycopg.Connection[Any]:
        """A new session of the role that pg_cron logs in as."""
        return self.server.connect(self.name, user=CRON)

    @contextmanager
    def sessions(self, count: int) -> Iterator[list[Postgrest]]:
        """This many connections of PostgREST's pool, open and ready."""
        cache = self.schema_cache
        sessions = [
            Postgrest(lambda: self.server.connect(self.name, user="authenticator"), cache)
            for _ in range(count)
        ]
        try:
            for session in sessions:
                session.connection.execute("select")
            yield sessions
        finally:
            for session in sessions:
                session.close()

    def race(self, count: int, act: Callable[[Postgrest, int], Result]) -> list[Result]:
        """Runs act(session, number) in this many threads that start together; results in order."""
        barrier = threading.Barrier(count)

        def start(session: Postgrest, number: int) -> Result:
            barrier.wait(timeout=30)
            return act(session, number)

        # One worker at a time: two races at once would find the server's connections taken.
        with one_process("race"), self.sessions(count) as sessions, ThreadPoolExecutor(count) as pool:
            return list(pool.map(start, sessions, range(count)))

    def close(self) -> None:
        """Close all connections of this object."""
        super().close()
        if self._owner is not None:
            self._owner.close()


class Clones:
    """Makes and drops databases like the template, for one worker."""

    def __init__(self, server: Server, maintenance: psycopg.Connection[Any], template: str) -> None:
        self.server = server
        self.template = template
        self.covered = coverage.Coverage()
        self.statements: set[coverage.Statement] = set()
        self.seconds: list[float] = []  # what each clone cost
        self._maintenance = maintenance
        self._numbers = itertools.count(1)
        # Copying files takes two checkpoints, which are cheap only where nothing is synced to disk.
        synced = maintenance.execute("show fsync").fetchone() == ("on",)
        self._strategy = sql.SQL("wal_log" if synced else "file_copy")
        self._schema_cache: SchemaCache | None = None
        self._apps = list(yaml.safe_load((ROOT / "apps.yaml").read_text())["apps"])
        self._others = Others(server, maintenance) if SUPABASE else None
        self.drop_leftovers()

    def make(self) -> Database:
        """A new clone."""
        name = f"{PREFIX}{self._maintenance.info.backend_pid}_{next(self._numbers)}"
        self._maintenance.execute(
            sql.SQL("create database {} template {} strategy {}").format(
                sql.Identifier(name), sql.Identifier(self.template), self._strategy
            )
        )
        self._copy_database_settings(name)
        database = Database(self.server, name, self._schema_cache)
        if self._schema_cache is None:
            self._schema_cache = database.schema_cache
            with self.server.connect(name, user=SUPERUSER) as connection:
                self.statements = coverage.all_statements(connection, self._apps)
        return database

    def drop(self, database: Database) -> None:
        """Keep what the profiler counted, then drop the clone. On Supabase, others' things are as before."""
        database.close()
        with self.server.connect(database.name, user=SUPERUSER) as connection:
            self.covered.merge(coverage.collect(connection))
        changed: list[str] = []
        if self._others:
            changed = self._others.changed(database.name)
            count("databases in which what belongs to others was compared")
        self._drop(database.name)
        assert not changed, "what belongs to others was changed:\n" + "\n".join(changed)

    def _copy_database_settings(self, name: str) -> None:
        """Settings and privileges belong to the database, so `create database` leaves them behind.

        Copied in the catalog, where a list-valued setting cannot be quoted wrongly.
        """
        names = {"clone": name, "template": self.template}
        self._maintenance.execute(
            "insert into pg_db_role_setting (setdatabase, setrole, setconfig) "
            "select c.oid, s.setrole, s.setconfig "
            "from pg_db_role_setting as s "
            "inner join pg_database as t on t.oid = s.setdatabase and t.datname = %(template)s "
            "inner join pg_database as c on c.datname = %(clone)s",
            names,
        )
        self._maintenance.execute(
            "update pg_database set datacl = t.datacl from pg_database as t "
            "where pg_database.datname = %(clone)s and t.datname = %(template)s",
            names,
        )

    def drop_leftovers(self) -> None:
        """Clones whose worker is gone: a clone's name has its worker's server process in it."""
        names = self._maintenance.execute(
            "select d.datname from pg_database as d where starts_with(d.datname, %s) and not exists ("
            "select from pg_stat_activity as a where a.pid::text = split_part(d.datname, '_', 3))",
            [PREFIX],
        ).fetchall()
        for (name,) in names:
            self._drop(name)

    def _drop(self, name: str) -> None:
        # Postgres looks every 100 ms whether the sessions just closed are gone; this is quicker.
        deadline = time.monotonic() + 0.1
        query = "select from pg_stat_activity where datname = %s"
        while self._maintenance.execute(query, [name]).rowcount and time.monotonic() < deadline:
            time.sleep(0.001)
        self._maintenance.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
        )
