"""Any step of a round may be repeated, at any time, by many at once: the second time changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import admin, walker
from tests.harness.postgrest import Postgrest
from tests.luckywalk.books import assert_books_prove, everything, recount, stored
from tests.luckywalk.weeks import (
    WEEK,
    WINNING,
    buy,
    close_week,
    draw_week,
    enter,
    job,
    open_week,
    pour,
    settle_week,
)

# The function of each job, and the administrator's RPC that does the same for one round.
FUNCTIONS = {
    "close_round": "luckywalk.close_due_rounds()",
    "draw_apply_results": "luckywalk.draw_apply_results()",
    "settle_round": "luckywalk.settle_due_rounds()",
}
RPC_OF = {"close_round": "close_round", "draw_apply_results": "draw_round", "settle_round": "settle_round"}


def up_to(db: Database, step: str) -> None:
    """All that comes before the step, with the clock at the step's time."""
    open_week(db)
    pour(db, WEEK, 300)
    buy(db, walker(1), WINNING)
    if step == "close_round":
        db.clock(WEEK.closes_at)
    if step == "draw_apply_results":
        close_week(db)
        enter(db)
    if step == "settle_round":
        draw_week(db)
        db.clock(WEEK.settles_at)


@pytest.mark.parametrize("step", FUNCTIONS)
def test_a_step_repeated_by_rpc_or_job_changes_nothing(db: Database, step: str) -> None:
    up_to(db, step)
    assert job(db, step)["processed"] == 1
    first = db.call(admin, RPC_OF[step], round_no=WEEK.round_no).row
    before = everything(db)
    for _ in range(3):
        assert db.call(admin, RPC_OF[step], round_no=WEEK.round_no).row == first
        assert db.value(f"select {FUNCTIONS[step]} ->> 'processed'") == "0"
        assert job(db, step)["processed"] == 1  # the slot's one run, not another
    assert everything(db) == before


@pytest.mark.parametrize("step", FUNCTIONS)
def test_a_step_by_ten_sessions_at_once_is_done_once(db: Database, step: str) -> None:
    up_to(db, step)
    before = everything(db)

    def act(session: Postgrest, number: int) -> Any:
        if number % 2:
            return session.call(admin, RPC_OF[step], round_no=WEEK.round_no).row
        with db.as_cron() as connection:
            connection.execute("call jobs.run(%s)", [step])
        return None

    rows = [row for row in db.race(10, act) if row is not None]
    assert all(row == rows[0] for row in rows)
    after = everything(db)
    assert after != before
    assert db.value(f"select {FUNCTIONS[step]} ->> 'processed'") == "0"
    assert everything(db) == after
    check_once(db, step)


def check_once(db: Database, step: str) -> None:
    count = recount(db, WINNING)
    assert db.value("select total_tickets from luckywalk.rounds") == 301
    if step != "close_round":
        assert stored(db).tiers == count.tiers
        assert stored(db).winners == count.winners
    if step == "settle_round":
        assert stored(db) == count
        assert_books_prove(db)
        assert db.value("select sum(balance) from ledger.balances") == count.paid


def test_a_whole_week_repeated_by_every_job_and_rpc_changes_nothing(db: Database) -> None:
    up_to(db, "settle_round")
    settle_week(db)
    before = everything(db)
    rpcs: list[Callable[[], Any]] = [
        lambda: db.call(admin, "close_round", round_no=WEEK.round_no),
        lambda: db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING),
        lambda: db.call(
            admin, "correct_draw_result", round_no=WEEK.round_no, numbers=WINNING, reason="nothing to correct"
        ),
        lambda: db.call(admin, "draw_round", round_no=WEEK.round_no),
        lambda: db.call(admin, "settle_round", round_no=WEEK.round_no),
    ]
    for minute in ("11:10", "11:20", "12:20"):
        db.clock(WEEK.at(-1, minute))
        assert all(rpc().row["status"] == "settled" for rpc in rpcs)
        for name in FUNCTIONS:
            assert job(db, name)["processed"] == 0
    assert everything(db) == before
