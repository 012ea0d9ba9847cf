"""Winning numbers: entered once after closing and draw time, corrected with a reason until settlement."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import Person, admin, administrator, anon, walker
from tests.harness.postgrest import Postgrest
from tests.harness.responses import Response
from tests.luckywalk.weeks import (
    LOSING,
    SECOND,
    WEEK,
    WINNING,
    buy,
    close_week,
    draw_week,
    enter,
    job,
    mask_of,
    open_week,
    settle_week,
)

OTHERS = [1, 2, 3, 4, 5, 45]


def entries(db: Database) -> list[dict[str, Any]]:
    return db.rows(
        "select result_no, winning_mask, reason, entered_by from luckywalk.draw_results order by result_no"
    )


def correct(
    db: Database, numbers: list[int] = OTHERS, reason: str | None = "typing error", who: Person = admin
) -> Response:
    return db.call(who, "correct_draw_result", round_no=WEEK.round_no, numbers=numbers, reason=reason)


def closed(db: Database) -> Database:
    open_week(db)
    buy(db, walker(1), WINNING, OTHERS)
    close_week(db)
    return db


def test_numbers_are_entered_from_draw_time_on_and_not_a_second_before(db: Database) -> None:
    closed(db)
    db.clock(WEEK.draws_at - SECOND)
    refused = db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING)
    assert (refused.status, refused.code) == (409, "round_not_due")
    assert refused.details["due_at"].startswith(f"{WEEK.saturday}T11:50:00")
    db.clock(WEEK.draws_at)
    entered = db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING).row
    assert (entered["winning_numbers"], entered["status"]) == (WINNING, "closed")


def test_numbers_are_not_entered_before_the_round_is_closed_and_sealed(db: Database) -> None:
    open_week(db)
    db.clock(WEEK.draws_at)
    refused = db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING)
    assert (refused.status, refused.code) == (409, "round_not_closed")
    assert db.call(admin, "close_round", round_no=WEEK.round_no).row["status"] == "closed"
    assert db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING).ok


def test_the_same_numbers_entered_again_in_any_order_change_nothing(db: Database) -> None:
    closed(db)
    enter(db)
    before = entries(db)
    again = db.call(administrator(2), "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING[::-1]).row
    assert again["winning_numbers"] == WINNING
    assert entries(db) == before
    assert len(before) == 1


def test_other_numbers_are_refused_until_they_are_a_correction(db: Database) -> None:
    closed(db)
    enter(db)
    refused = db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=OTHERS)
    assert (refused.status, refused.code) == (409, "winning_numbers_already_set")
    assert correct(db).row["winning_numbers"] == OTHERS


def test_every_entry_is_kept_with_who_and_why(db: Database) -> None:
    closed(db)
    enter(db)
    correct(db)
    assert correct(db, WINNING, "was right", who=administrator(2)).ok
    assert entries(db) == [
        {"result_no": 1, "winning_mask": mask_of(WINNING), "reason": None, "entered_by": by(1)},
        {"result_no": 2, "winning_mask": mask_of(OTHERS), "reason": "typing error", "entered_by": by(1)},
        {"result_no": 3, "winning_mask": mask_of(WINNING), "reason": "was right", "entered_by": by(2)},
    ]


def by(number: int) -> str:
    return str(administrator(number).user_id)


def test_there_is_nothing_to_correct_before_numbers_are_entered(db: Database) -> None:
    closed(db)
    db.clock(WEEK.draws_at)
    assert correct(db).code == "winning_numbers_not_set"


def test_a_correction_says_why(db: Database) -> None:
    closed(db)
    enter(db)
    for reason in (None, "", "   ", "x" * 501):
        refused = correct(db, reason=reason)
        assert (refused.status, refused.code) == (400, "correction_reason_missing")
    assert len(entries(db)) == 1
    assert correct(db, reason="x" * 500).ok


def test_correcting_to_the_numbers_in_force_changes_nothing(db: Database) -> None:
    closed(db)
    enter(db)
    assert correct(db, WINNING).row["winning_numbers"] == WINNING
    assert len(entries(db)) == 1


def test_a_correction_before_the_draw_is_drawn_with(db: Database) -> None:
    closed(db)
    enter(db)
    correct(db)
    assert job(db, "draw_apply_results")["winners_count"] == 1
    assert tiers_shown(db) == {tuple(WINNING): None, tuple(OTHERS): 1}


def tiers_shown(db: Database) -> dict[tuple[int, ...], int | None]:
    tickets = db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows
    return {tuple(ticket["numbers"]): ticket["tier"] for ticket in tickets}


def test_a_correction_after_the_draw_hides_its_results_until_the_job_draws_again(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, OTHERS)
    draw_week(db)
    assert tiers_shown(db) == {tuple(WINNING): 1, tuple(OTHERS): None}

    correct(db)
    assert tiers_shown(db) == {tuple(WINNING): None, tuple(OTHERS): None}
    assert db.select(anon, "round_tiers").rows == []
    shown = db.select(anon, "rounds").row
    assert (shown["winning_numbers"], shown["winners_count"], shown["drawn_at"]) == (OTHERS, None, None)

    db.clock(WEEK.at(0, "20:55"))
    assert job(db, "draw_apply_results")["rounds"] == [WEEK.round_no]
    assert tiers_shown(db) == {tuple(WINNING): None, tuple(OTHERS): 1}
    assert db.select(anon, "round_tiers", filters={"tier": 1}).row["winners_count"] == 1
    assert db.select(anon, "rounds").row["winners_count"] == 1
    assert db.value("select count(*) from luckywalk.results_user") == 1


def test_a_corrected_round_is_settled_only_when_it_was_drawn_again(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    buy(db, walker(2), OTHERS)
    draw_week(db)
    db.clock(WEEK.settles_at)
    correct(db)
    assert job(db, "settle_round")["processed"] == 0
    refused = db.call(admin, "settle_round", round_no=WEEK.round_no)
    assert (refused.status, refused.code) == (409, "round_not_drawn")
    assert db.value("select count(*) from ledger.transfers") == 0

    assert job(db, "draw_apply_results")["processed"] == 1
    assert db.call(admin, "settle_round", round_no=WEEK.round_no).row["status"] == "settled"
    paid = db.rows("select user_id, balance from ledger.balances")
    assert paid == [{"user_id": walker(2).user_id, "balance": 1_000_000}]


def test_a_correction_and_its_taking_back_before_a_new_draw_are_still_drawn_again(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    draw_week(db)
    correct(db)
    correct(db, WINNING, "was right after all")
    assert db.select(anon, "round_tiers").rows == []
    db.clock(WEEK.at(0, "20:55"))
    assert job(db, "draw_apply_results")["processed"] == 1
    assert tiers_shown(db) == {tuple(WINNING): 1}


def test_after_settlement_nothing_is_corrected(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    draw_week(db)
    settle_week(db)
    refused = correct(db)
    assert (refused.status, refused.code) == (409, "round_already_settled")
    assert correct(db, WINNING).ok
    assert db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING).ok
    assert (
        db.call(admin, "enter_draw_result", round_no=WEEK.round_no, numbers=OTHERS).code
        == "winning_numbers_already_set"
    )
    assert len(entries(db)) == 1
    assert tiers_shown(db) == {tuple(WINNING): 1}


@pytest.mark.parametrize(
    ("rpc", "more"), [("enter_draw_result", {}), ("correct_draw_result", {"reason": "typing error"})]
)
def test_only_an_administrator_enters_numbers(week_db: Database, rpc: str, more: dict[str, str]) -> None:
    arguments = {"round_no": WEEK.round_no, "numbers": WINNING, **more}
    assert week_db.call(anon, rpc, **arguments).status == 401
    for person in (walker(1), walker(1).claiming(user_metadata={"role": "admin"}, role="authenticated")):
        refused = week_db.call(person, rpc, **arguments)
        assert (refused.status, refused.code) == (403, "not_administrator")


def test_ten_administrators_with_two_sets_of_numbers_leave_one(db: Database) -> None:
    closed(db)
    db.clock(WEEK.draws_at)

    def act(session: Postgrest, number: int) -> str | None:
        numbers = WINNING if number % 2 else LOSING
        return session.call(
            administrator(number), "enter_draw_result", round_no=WEEK.round_no, numbers=numbers
        ).code

    codes = db.race(10, act)
    assert sorted(map(str, codes)) == ["None"] * 5 + ["winning_numbers_already_set"] * 5
    assert len(entries(db)) == 1


def test_a_correction_and_a_settlement_at_once_never_pay_on_the_wrong_numbers(db: Database) -> None:
    week = WEEK
    for _ in range(4):
        number = week.round_no
        open_week(db, week)
        buy(db, walker(1), WINNING)
        draw_week(db, week)
        db.clock(week.settles_at)

        def act(session: Postgrest, place: int, number: int = number) -> str | None:
            if place % 2:
                return session.call(admin, "settle_round", round_no=number).code
            arguments = {"round_no": number, "numbers": LOSING, "reason": "typing error"}
            return session.call(admin, "correct_draw_result", **arguments).code

        codes = set(db.race(10, act))
        paid = db.value("select count(*) from ledger.transfers where transfer_key like %s", f"%/{number}/%")
        if paid:
            assert codes == {None, "round_already_settled"}
        else:
            assert codes == {None, "round_not_drawn"}
            assert db.call(admin, "draw_round", round_no=number).row["status"] == "drawn"
        week = week.next.next
