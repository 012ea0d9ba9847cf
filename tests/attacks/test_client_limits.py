"""Limits: to keep everybody out by calls that wait, or that take for ever. Fault 17."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.harness.databases import Database
from tests.harness.people import anon, walker
from tests.harness.postgrest import Postgrest
from tests.harness.refusals import assert_says
from tests.harness.responses import Response, error_response
from tests.luckywalk.weeks import WEEK, open_week, walk

POOL = 10  # PostgREST's db-pool, as it comes
ACQUISITION = 10  # db-pool-acquisition-timeout, in seconds
LOCK_TIMEOUT = 2  # of apps.yaml


class Pool:
    """PostgREST's pool: a request takes a connection, or gives up after a while."""

    def __init__(self, sessions: list[Postgrest]) -> None:
        self._free: queue.Queue[Postgrest] = queue.Queue()
        for session in sessions:
            self._free.put(session)

    def request(self, act: Callable[[Postgrest], Response]) -> Response:
        """The answer of one request."""
        try:
            session = self._free.get(timeout=ACQUISITION)
        except queue.Empty:
            message = "Timed out acquiring connection from connection pool."
            return error_response(504, "PGRST003", message)
        try:
            return act(session)
        finally:
            self._free.put(session)


@contextmanager
def closing_hangs(db: Database) -> Iterator[None]:
    """Somebody holds the round's lock as its closing does, and does not get on."""
    with db.server.connect(db.name) as closing, closing.transaction():
        closing.execute("select luckywalk.lock_round(%s, true)", [WEEK.round_no])
        yield


def claim_of(number: int) -> Callable[[Postgrest], Response]:
    """A walker's claim, as a request."""
    return lambda session: session.call(walker(number), "claim_steps", threshold=1000)


def test_ten_claims_that_wait_for_one_round_leave_the_list_of_rounds_answering(db: Database) -> None:
    """Each is told that the round is busy, and when to try again, before the pool gives up."""
    open_week(db)
    for number in range(POOL):
        walk(db, walker(number))
    with closing_hangs(db), db.sessions(POOL) as sessions, ThreadPoolExecutor(POOL) as threads:
        pool = Pool(sessions)
        started = time.monotonic()
        claims = [threads.submit(pool.request, claim_of(number)) for number in range(POOL)]
        time.sleep(0.2)  # all ten connections are taken
        rounds = pool.request(lambda session: session.select(anon, "rounds"))
        waited = time.monotonic() - started
        answers = [claim.result(timeout=30) for claim in claims]
    assert [row["round_no"] for row in rounds.rows] == [WEEK.round_no]
    assert LOCK_TIMEOUT * 0.9 < waited < ACQUISITION
    for answer in answers:
        assert_says(answer, "busy")
        assert answer.headers["retry-after"] == "1"
    assert db.value("select count(*) from luckywalk.claims") == 0
    assert db.call(walker(1), "claim_steps", threshold=1000).ok


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_no_client_is_without_a_limit(db: Database, role: str) -> None:
    """On Supabase, one that PostgREST's login has stands for the role's."""
    set_for = (
        "select split_part(c.setting, '=', 1) as name from pg_roles as r"
        " cross join lateral unnest(r.rolconfig) as c (setting) where r.rolname = any (%s)"
    )
    names = {row["name"] for row in db.rows(set_for, [role, "authenticator"])}
    assert {"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"} <= names
    assert db.schema_cache.role_settings[role]["lock_timeout"] == f"{LOCK_TIMEOUT}s"
