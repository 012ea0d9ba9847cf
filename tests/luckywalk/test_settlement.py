"""Settlement: prizes are paid once, one transfer a person, round and account, and the books prove it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from tests.harness.databases import Database
from tests.harness.people import admin, walker
from tests.luckywalk.books import assert_books_prove
from tests.luckywalk.by_hand import waits_for
from tests.luckywalk.weeks import (
    LOSING,
    SECOND,
    WEEK,
    WINNING,
    buy,
    claim,
    close_week,
    draw_week,
    enter,
    job,
    open_week,
    settle_week,
)

FIVE, FOUR, THREE, TWO = ([*WINNING[:n], *[1, 2, 4, 5][: 6 - n]] for n in (5, 4, 3, 2))


def transfers(db: Database) -> list[tuple[UUID, str, str, int]]:
    rows = db.rows(
        "select user_id, debit_account, credit_account, amount from ledger.transfers order by 1, 2, 3"
    )
    return [(r["user_id"], r["debit_account"], r["credit_account"], r["amount"]) for r in rows]


def balances(db: Database, number: int) -> dict[str, int]:
    shown = db.call(walker(number), "my_balances").rows
    return {row["account"]: row["balance"] for row in shown if row["balance"]}


def to(account: str, number: int, amount: int) -> tuple[UUID, str, str, int]:
    return walker(number).user_id, "luckywalk.prizes", f"luckywalk.{account}", amount


def test_small_prizes_go_to_the_wallet_and_large_ones_are_held(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    buy(db, walker(2), FIVE)
    buy(db, walker(3), FOUR)
    buy(db, walker(4), THREE)
    buy(db, walker(5), TWO)
    buy(db, walker(6), LOSING)
    draw_week(db)
    settle_week(db)
    assert transfers(db) == [
        to("held", 1, 1_000_000),
        to("held", 2, 500_000),
        to("wallet", 3, 50),
        to("wallet", 4, 10),
        to("wallet", 5, 5),
    ]
    assert balances(db, 1) == {"luckywalk.held": 1_000_000}
    assert balances(db, 4) == {"luckywalk.wallet": 10}
    assert balances(db, 6) == {}
    assert_books_prove(db)


def test_a_person_gets_one_transfer_a_round_and_account_however_many_tickets_won(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, FIVE, FOUR, FOUR, THREE, TWO, TWO, LOSING)
    draw_week(db)
    settle_week(db)
    assert transfers(db) == [to("held", 1, 1_500_000), to("wallet", 1, 50 + 50 + 10 + 5 + 5)]
    keys = db.rows("select transfer_key from ledger.transfers order by 1")
    assert [k["transfer_key"] for k in keys] == ["luckywalk/round/1153/held", "luckywalk/round/1153/wallet"]
    assert_books_prove(db)


def test_nothing_is_paid_before_sunday_eleven(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    draw_week(db)
    db.clock(WEEK.settles_at - SECOND)
    assert job(db, "settle_round")["processed"] == 0
    refused = db.call(admin, "settle_round", round_no=WEEK.round_no)
    assert (refused.status, refused.code) == (409, "round_not_due")
    assert transfers(db) == []
    db.clock(WEEK.settles_at)
    assert job(db, "settle_round") == {
        "processed": 1,
        "winners_count": 1,
        "paid": 1_000_000,
        "rounds": [WEEK.round_no],
    }
    assert transfers(db) == [to("held", 1, 1_000_000)]


def test_a_round_that_nobody_won_is_settled_with_nothing_paid(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), LOSING)
    draw_week(db)
    settle_week(db)
    assert transfers(db) == []
    assert db.rows("select status, paid, remainder from luckywalk.rounds") == [
        {"status": "settled", "paid": 0, "remainder": 1_500_000}
    ]
    assert_books_prove(db)


def test_paid_and_remainder_are_the_pots_and_the_small_prizes(db: Database) -> None:
    open_week(db)
    for number in range(3):
        buy(db, walker(number), WINNING, THREE)
    draw_week(db)
    settle_week(db)
    (round_,) = db.rows("select paid, remainder from luckywalk.rounds")
    assert round_ == {"paid": 3 * 333_333 + 3 * 10, "remainder": 1 + 500_000}
    assert db.value("select ledger.house_balance('luckywalk.prizes')") == -round_["paid"]
    assert_books_prove(db)


def test_a_pot_smaller_than_its_winners_pays_nothing_and_keeps_all(db: Database) -> None:
    db.owner.execute("select core.set_setting('luckywalk.tier1_pot', '2')")
    db.owner.execute("select core.set_setting('luckywalk.tier5_prize', '0')")
    open_week(db)
    for number in range(3):
        buy(db, walker(number), WINNING, TWO)
    draw_week(db)
    settle_week(db)
    assert transfers(db) == []
    assert db.value("select remainder from luckywalk.rounds") == 2 + 500_000


def test_two_rounds_pay_the_same_person_twice(db: Database) -> None:
    for week in (WEEK, WEEK.next):
        open_week(db, week)
        buy(db, walker(1), FOUR)
        draw_week(db, week)
        settle_week(db, week)
    assert balances(db, 1) == {"luckywalk.wallet": 100}
    assert len(transfers(db)) == 2
    assert_books_prove(db)


def test_two_late_rounds_are_settled_by_one_run(db: Database) -> None:
    for week in (WEEK, WEEK.next):
        open_week(db, week)
        buy(db, walker(1), THREE)
        close_week(db, week)
        enter(db, week)
    assert job(db, "draw_apply_results")["rounds"] == [WEEK.round_no, WEEK.next.round_no]
    db.clock(WEEK.next.settles_at)
    result = job(db, "settle_round")
    assert (result["rounds"], result["winners_count"], result["paid"]) == ([1153, 1154], 2, 20)
    assert balances(db, 1) == {"luckywalk.wallet": 20}


def test_a_round_is_not_settled_before_it_is_drawn(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)

    def refused() -> Any:
        assert job(db, "settle_round")["processed"] == 0
        return db.call(admin, "settle_round", round_no=WEEK.round_no).code

    db.clock(WEEK.at(0, "19:00"))
    assert refused() == "round_not_drawn"
    close_week(db)
    assert refused() == "round_not_drawn"
    enter(db)
    assert refused() == "round_not_drawn"


def test_what_is_won_stays_a_record_of_the_walkers_tickets(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), FOUR)
    draw_week(db)
    settle_week(db)
    (ticket,) = db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows
    assert (ticket["tier"], ticket["prize"]) == (3, 50)
    db.clock(WEEK.next.at(3, "09:00"))
    assert lease_next(db)["round_no"] == WEEK.next.round_no
    assert db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows == [ticket]


def lease_next(db: Database) -> dict[str, Any]:
    (made,) = buy(db, walker(1), LOSING)
    assert claim(db, walker(1), 1000) == made
    return made


def test_a_settlement_says_whether_it_was_the_one_that_paid(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    draw_week(db)
    db.clock(WEEK.settles_at)
    settle = "select luckywalk.settle_due_round(%s)"
    with db.server.connect(db.name) as first, db.server.connect(db.name) as second:
        with ThreadPoolExecutor(1) as pool:
            with first.transaction():
                assert first.execute(settle, [WEEK.round_no]).fetchone() == (True,)
                waiting = pool.submit(lambda: second.execute(settle, [WEEK.round_no]).fetchone())
                assert waits_for(db, first, unless=waiting.done)
            assert waiting.result(timeout=30) == (False,)
        assert second.execute(settle, [WEEK.round_no]).fetchone() == (False,)


def test_a_correction_under_way_stops_no_other_rounds_payment(db: Database) -> None:
    for week in (WEEK, WEEK.next):
        open_week(db, week)
        buy(db, walker(1), WINNING)
        draw_week(db, week)
    db.clock(WEEK.next.settles_at)
    with ThreadPoolExecutor(1) as pool, db.server.connect(db.name, user="authenticator") as correcting:
        with correcting.transaction():
            claims = json.dumps(dict(admin.claims))
            correcting.execute("set local role authenticated")
            correcting.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            correcting.execute("select api.correct_draw_result(%s, %s, 'Misread.')", [WEEK.round_no, LOSING])
            paying = pool.submit(job, db, "settle_round")
            assert waits_for(db, correcting, unless=paying.done)
        assert paying.result(timeout=30)["rounds"] == [WEEK.next.round_no]
    assert job(db, "draw_apply_results")["rounds"] == [WEEK.round_no]
    db.clock(WEEK.next.settles_at + 10 * 60 * SECOND)
    assert job(db, "settle_round")["rounds"] == [WEEK.round_no]
    assert transfers(db) == [to("held", 1, 1_000_000)]
    assert_books_prove(db)
