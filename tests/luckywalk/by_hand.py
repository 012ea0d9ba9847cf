"""The owner by hand, past every function: rounds in every state, and slips tried on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest

from tests.harness.bouncer import process_of
from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.target import OWNER
from tests.luckywalk.weeks import (
    LOSING,
    WINNING,
    Week,
    buy,
    close_week,
    draw_week,
    open_week,
    settle_week,
)

STATES = ["scheduled", "open", "closed", "drawn", "settled"]
ROUNDS = {state: Week(1153 + place) for place, state in enumerate(reversed(STATES))}
LONG_AFTER = "2030-01-01 00:00"

# A whole step to each state, as only that state's own function would write it.
STEP = {
    "open": "status = 'open'",
    "closed": "status = 'closed', total_tickets = 0, seal_root = '', closed_at = core.now()",
    "drawn": "status = 'drawn', result_no = 1, winning_mask = 126, drawn_result_no = 1, "
    "drawn_at = core.now(), winners_count = 0",
    "settled": "status = 'settled', settled_at = core.now(), paid = 0, remainder = 0",
}


def make_rounds(db: Database) -> None:
    """A round with tickets in every state, and the clock long after all of their times."""
    for state, week in ROUNDS.items():
        if state != "scheduled":
            open_week(db, week)
            buy(db, walker(1), WINNING, LOSING)
        if state == "closed":
            close_week(db, week)
        if state in ("drawn", "settled"):
            draw_week(db, week)
        if state == "settled":
            settle_week(db, week)
    insert_round(db, ROUNDS["scheduled"])
    db.clock(LONG_AFTER)
    stored = db.rows("select status from luckywalk.rounds order by round_no desc")
    assert [row["status"] for row in stored] == STATES


def insert_round(db: Database, week: Week, status: str = "scheduled") -> None:
    """A round put in by hand."""
    db.owner.execute(
        "insert into luckywalk.rounds select (jsonb_populate_record(luckywalk.planned_round(%s), "
        "jsonb_build_object('status', %s::text))).*",
        [week.round_no, status],
    )


def refusal(
    connection: psycopg.Connection[Any], statement: str, *parameters: object
) -> tuple[str | None, str | None]:
    """SQLSTATE and declared name of the error with which the statement is refused."""
    with pytest.raises(psycopg.Error) as raised, connection.transaction():
        connection.execute(statement.encode(), parameters or None)
    row = connection.execute(
        "select name from core.errors where sqlstate = %s", [raised.value.sqlstate]
    ).fetchone()
    return raised.value.sqlstate, row["name"] if row else None


def waits_for(
    db: Database, holder: psycopg.Connection[Any] | int, unless: Callable[[], bool] | None = None
) -> bool:
    """Returns once a session waits for this one; False when none does in half a minute, or `unless` holds.

    holder: its connection, or, when that is busy, the number of its server process.
    """
    deadline = time.monotonic() + 30
    process = holder if isinstance(holder, int) else process_of(holder)
    with db.server.connect("postgres") as looking:
        while time.monotonic() < deadline and not (unless and unless()):
            row = looking.execute(
                "select from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [process],
            ).fetchone()
            if row is not None:
                return True
    return False


def move(connection: psycopg.Connection[Any], at: datetime) -> None:
    """Move the clock inside of the owner's transaction."""
    connection.execute("reset role")
    connection.execute("update test_clock.moved_clock set moved_to = %s", [at])
    connection.execute(f"set local role {OWNER}".encode())
