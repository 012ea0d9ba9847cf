"""Races: what two hurried people want of one moment."""

from __future__ import annotations

from tests.harness.databases import Database
from tests.harness.people import admin, administrator, walker
from tests.harness.postgrest import Postgrest
from tests.luckywalk.weeks import LOSING, WEEK, WINNING, buy, close_week, draw_week, open_week

ME = walker(1)


def test_a_winner_wants_the_prize_of_numbers_that_are_being_corrected(db: Database) -> None:
    """Settled on the first numbers, or corrected and unpaid: never both."""
    open_week(db)
    buy(db, ME, WINNING)
    draw_week(db)
    db.clock(WEEK.settles_at)

    def act(session: Postgrest, number: int) -> str | None:
        if number % 2:
            return session.call(admin, "settle_round", round_no=WEEK.round_no).code
        return session.call(
            admin, "correct_draw_result", round_no=WEEK.round_no, numbers=LOSING, reason="Read wrongly."
        ).code

    codes = db.race(8, act)
    [held] = [r["balance"] for r in db.call(ME, "my_balances").body if r["account"] == "luckywalk.held"]
    status = db.value("select status from luckywalk.rounds")
    corrections = db.value("select count(*) from luckywalk.draw_results")
    if status == "settled":
        assert (held, corrections) == (1_000_000, 1)
        assert set(codes[::2]) == {"round_already_settled"}
    else:
        assert (held, corrections) == (0, 2)
        assert set(codes[1::2]) == {"round_not_drawn"}
    assert all(row["ok"] for row in db.rows('select * from ledger."check"()'))


def test_two_administrators_want_their_own_numbers_entered(db: Database) -> None:
    open_week(db)
    buy(db, ME, WINNING)
    close_week(db)
    db.clock(WEEK.draws_at)
    picks = [WINNING, LOSING]
    codes = db.race(
        8,
        lambda session, number: (
            session.call(
                administrator(number + 1),
                "enter_draw_result",
                round_no=WEEK.round_no,
                numbers=picks[number % 2],
            ).code
        ),
    )
    [entry] = db.rows("select entered_by, winning_mask from luckywalk.draw_results")
    assert entry["winning_mask"] == db.value("select winning_mask from luckywalk.rounds")
    assert sorted({code or "" for code in codes}) == ["", "winning_numbers_already_set"]
    assert codes.count(None) == 4


def test_a_walker_wants_a_ticket_by_claiming_while_he_is_still_reporting(db: Database) -> None:
    open_week(db)

    def act(session: Postgrest, number: int) -> int:
        if number % 2:
            return session.call(ME, "report_steps", steps=500 * number).status
        return session.call(ME, "claim_steps", threshold=5000).status

    db.race(10, act)
    steps = db.value("select max(steps) from luckywalk.daily_progress")
    assert steps == 4500
    assert db.value("select count(*) from luckywalk.tickets") == 0
