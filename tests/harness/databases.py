"""A test's database, driven as its users drive it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from tests.harness.postgrest import Postgrest
from tests.harness.schema_cache import SchemaCache
from tests.harness.server import Server, one_process
from tests.harness.target import CRON

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

    def __init__(
        self,
        server: Server,
        name: str,
        schema_cache: SchemaCache | None = None,
        owner: psycopg.Connection[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(lambda: server.connect(name, user="authenticator"), schema_cache)
        self.server = server
        self.name = name
        self._owner = owner

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
