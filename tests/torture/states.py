"""Everything that a draw or a settlement leaves behind, in a form that two databases can be compared by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.harness.databases import Database
from tests.luckywalk.weeks import WEEK

PARTS = {
    "round": "select * from luckywalk.rounds where round_no = {round_no}",
    "tiers": "select * from luckywalk.round_tiers where round_no = {round_no}",
    "results": "select * from luckywalk.results_user where round_no = {round_no}",
    # A partition that was made and not attached, or attached without its key, would be something between.
    "partition": """
        select c.relname, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, i.conname
        from pg_class as c
        left join pg_constraint as i on i.conrelid = c.oid
        where c.oid = to_regclass('luckywalk.results_user_{round_no}')
    """,
    "transfers": "select * from ledger.transfers",
    "balances": "select * from ledger.balances",
}
# Per part: how many rows, and a digest of all of them in a fixed order.
DIGEST = """
select count(*) || ' ' || coalesce(md5(string_agg(p.line, E'\n' order by p.line collate "C")), '')
from (select row_to_json(q)::text as line from ({part}) as q) as p
"""
HISTORY = "select coalesce(string_agg(c.rule, ', '), '') from ledger.\"check\"() as c where not c.ok"
RUN = "select status from jobs.runs where job_name = %s order by slot_at desc limit 1"

State = dict[str, str]


@dataclass(frozen=True)
class Expected:
    """The state before, the state after, and how long the way takes when nobody disturbs it."""

    old: State
    new: State
    seconds: float

    def name(self, state: State) -> str:
        """`old`, `new`, or what is between."""
        if state == self.old:
            return "old"
        if state == self.new:
            return "new"
        parts = ", ".join(part for part in PARTS if state[part] not in (self.old[part],))
        return f"BETWEEN: {parts} changed"


def take(connection: psycopg.Connection[Any], round_no: int = WEEK.round_no) -> State:
    """The state as this session sees it."""
    state: State = {}
    for part, query in PARTS.items():
        digest = DIGEST.format(part=query.format(round_no=round_no))
        state[part] = str(_value(connection, digest))
    return state


def undisturbed(db: Database, effect: str) -> Expected:
    """The twin: the same effect on the same data in a new session, looked at, measured and undone."""
    with db.server.connect(db.name) as connection:
        old = take(connection)
        with connection.transaction(force_rollback=True):
            started = time.perf_counter()
            connection.execute(effect.encode())
            seconds = time.perf_counter() - started
            new = take(connection)
    assert old != new, f"{effect} did nothing"
    return Expected(old, new, seconds)


def broken_rules(db: Database) -> str:
    """The rules of the history that do not hold."""
    return str(db.value(HISTORY))


def run_status(db: Database, job: str) -> str | None:
    """What the job's newest run says of itself."""
    status: str | None = db.value(RUN, job)
    return status


def _value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
