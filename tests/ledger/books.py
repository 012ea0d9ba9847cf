"""A ledger with a small chart of accounts of its own, posted to as the apps do: by the owner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from tests.harness.databases import Database
from tests.harness.target import OWNER

NOBODY = UUID(int=0)
HOUSE, PURSE, VAULT, CREDIT = "shop.house", "shop.purse", "shop.vault", "shop.credit"
POINTS_HOUSE, POINTS = "shop.points_house", "shop.points"
CHART = [
    (HOUSE, "house", "KRW", True),
    (PURSE, "person", "KRW", False),
    (VAULT, "person", "KRW", False),
    (CREDIT, "person", "KRW", True),
    (POINTS_HOUSE, "house", "PTS", True),
    (POINTS, "person", "PTS", False),
]
Order = tuple[UUID | None, str | None, str | None, str | None, int | None]
Result = TypeVar("Result")


def person(number: int) -> UUID:
    """A person's id, ordered as the numbers are."""
    return UUID(f"00000000-0000-4000-8000-{number:012x}")


def session(db: Database) -> psycopg.Connection[Any]:
    """A new session of the owner."""
    connection = db.server.connect(db.name)
    connection.execute(f"set role {OWNER}".encode())
    return connection


def open_books(db: Database) -> None:
    """Add the chart of the tests."""
    for account, holder, currency, may_overdraw in CHART:
        db.owner.execute(
            "select ledger.declare_account(%s, %s, %s, 'For tests.', %s)",
            [account, holder, currency, may_overdraw],
        )


def post_many(connection: psycopg.Connection[Any], orders: Sequence[Order]) -> int:
    """Post these orders as one statement; how many were new."""
    columns = list(zip(*orders, strict=True)) or [()] * 5
    row = connection.execute(
        "select ledger.post_many(array(select row(o.*)::ledger.transfer_order from unnest("
        "%s::uuid[], %s::text[], %s::text[], %s::text[], %s::bigint[]) as o))",
        [list(column) for column in columns],
    ).fetchone()
    assert row is not None
    posted: int = next(iter(row.values())) if isinstance(row, dict) else row[0]
    return posted


def post(connection: psycopg.Connection[Any], *order: Any) -> bool:
    """Post one order; False when the same one had been posted before."""
    row = connection.execute("select ledger.post(%s, %s, %s, %s, %s) as new", order).fetchone()
    assert row is not None
    new: bool = row["new"] if isinstance(row, dict) else row[0]
    return new


def balance(db: Database, user_id: UUID, account: str = PURSE) -> int:
    """A person's kept balance; zero without a row."""
    query = "select balance from ledger.balances where user_id = %s and account = %s"
    return int(db.value(query, user_id, account) or 0)


def broken_rules(db: Database) -> set[str]:
    """The rules of the books that do not hold."""
    return {row["rule"] for row in db.rows("select * from ledger.check()") if not row["ok"]}


def race(db: Database, count: int, act: Callable[[psycopg.Connection[Any], int], Result]) -> list[Result]:
    """act(session, number) in this many sessions of the owner that start together."""
    barrier = threading.Barrier(count)
    sessions = [session(db) for _ in range(count)]

    def start(number: int) -> Result:
        barrier.wait(timeout=30)
        return act(sessions[number], number)

    try:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(start, range(count)))
    finally:
        for one in sessions:
            one.close()
