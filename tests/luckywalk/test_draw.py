"""The draw: tickets are scored, winners counted, and only then the pots are shared."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.harness.databases import Database
from tests.harness.people import admin, anon, walker
from tests.luckywalk.weeks import (
    LOSING,
    SECOND,
    WEEK,
    WINNING,
    Week,
    buy,
    close_week,
    draw_week,
    enter,
    job,
    open_week,
)

# All, five, four, three, two, one and none of the winning numbers 3 11 19 27 35 43, and the tier they make.
BY_HAND = [
    ([3, 11, 19, 27, 35, 43], 1),
    ([3, 11, 19, 27, 35, 44], 2),
    ([1, 11, 19, 27, 35, 43], 2),
    ([3, 11, 19, 27, 44, 45], 3),
    ([1, 2, 19, 27, 35, 43], 3),
    ([3, 11, 19, 1, 2, 4], 4),
    ([5, 6, 7, 27, 35, 43], 4),
    ([3, 43, 1, 2, 4, 5], 5),
    ([11, 35, 12, 36, 13, 37], 5),
    ([3, 1, 2, 4, 5, 6], None),
]
NONE_OF_IT = ([1, 2, 4, 5, 6, 7], None)


def tiers(db: Database, week: Week = WEEK) -> dict[int, tuple[int, int, int]]:
    """Winners, prize of each and remainder by tier, as everybody sees them."""
    rows = db.select(anon, "round_tiers", filters={"round_no": week.round_no}, order="tier").rows
    return {row["tier"]: (row["winners_count"], row["prize_each"], row["remainder"]) for row in rows}


def drawn_with(db: Database, *tickets: Sequence[int], week: Week = WEEK) -> dict[int, tuple[int, int, int]]:
    """The tiers of a round with these tickets, each of another walker."""
    open_week(db, week)
    for number, numbers in enumerate(tickets):
        buy(db, walker(number), numbers)
    draw_week(db, week)
    return tiers(db, week)


def test_six_five_four_three_and_two_numbers_are_the_tiers_one_to_five(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), *(numbers for numbers, _ in BY_HAND))
    buy(db, walker(2), NONE_OF_IT[0])
    draw_week(db)
    shown = {
        tuple(ticket["numbers"]): ticket["tier"]
        for number in (1, 2)
        for ticket in db.call(walker(number), "my_tickets", round_no=WEEK.round_no).rows
    }
    assert shown == {tuple(sorted(numbers)): tier for numbers, tier in [*BY_HAND, NONE_OF_IT]}
    assert db.value("select winners_count from luckywalk.rounds") == 9


def test_fixed_prizes_and_shared_pots_are_paid_to_each_winning_ticket(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), *(numbers for numbers, _ in BY_HAND))
    draw_week(db)
    assert tiers(db) == {
        1: (1, 1_000_000, 0),
        2: (2, 250_000, 0),
        3: (2, 50, 0),
        4: (2, 10, 0),
        5: (2, 5, 0),
    }
    prizes = {1: 1_000_000, 2: 250_000, 3: 50, 4: 10, 5: 5, None: None}
    for ticket in db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows:
        assert ticket["prize"] == prizes[ticket["tier"]]


def test_one_winner_of_the_first_tier_gets_the_whole_pot(db: Database) -> None:
    assert drawn_with(db, WINNING, LOSING)[1] == (1, 1_000_000, 0)


def test_winners_share_the_floor_and_the_house_keeps_the_rest(db: Database) -> None:
    week = WEEK
    for winners, each, remainder in (2, 500_000, 0), (3, 333_333, 1), (7, 142_857, 1), (9, 111_111, 1):
        shown = drawn_with(db, *[WINNING] * winners, LOSING, week=week)
        assert shown[1] == (winners, each, remainder)
        assert winners * each + remainder == 1_000_000
        assert shown[2] == (0, 0, 500_000)
        week = week.next


def test_several_winning_tickets_of_one_walker_each_have_a_share(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, WINNING)
    buy(db, walker(2), WINNING)
    draw_week(db)
    assert tiers(db)[1] == (3, 333_333, 1)


def test_pots_that_nobody_won_stay_with_the_house(db: Database) -> None:
    assert drawn_with(db, LOSING) == {
        1: (0, 0, 1_000_000),
        2: (0, 0, 500_000),
        3: (0, 50, 0),
        4: (0, 10, 0),
        5: (0, 5, 0),
    }


def test_a_round_without_tickets_is_drawn_too(db: Database) -> None:
    assert {tier: shown[0] for tier, shown in drawn_with(db).items()} == dict.fromkeys(range(1, 6), 0)
    assert db.rows("select status, winners_count from luckywalk.rounds") == [
        {"status": "drawn", "winners_count": 0}
    ]


def test_a_round_is_drawn_with_its_own_prizes_whatever_the_settings_say_by_then(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, [3, 11, 19, 27, 44, 45])
    db.owner.execute("select core.set_setting('luckywalk.tier1_pot', '7')")
    db.owner.execute("select core.set_setting('luckywalk.tier3_prize', '7')")
    draw_week(db)
    shown = tiers(db)
    assert (shown[1], shown[3]) == ((1, 1_000_000, 0), (1, 50, 0))


def test_while_numbers_are_missing_the_job_has_nothing_to_do(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    close_week(db)
    for clock in (WEEK.draws_at, WEEK.at(0, "23:55"), WEEK.settles_at):
        db.clock(clock)
        assert job(db, "draw_apply_results") == {
            "processed": 0,
            "total_tickets": 0,
            "winners_count": 0,
            "rounds": [],
        }
    assert db.call(admin, "draw_round", round_no=WEEK.round_no).code == "winning_numbers_not_set"
    assert db.call(admin, "settle_round", round_no=WEEK.round_no).code == "round_not_drawn"


def test_the_job_says_how_many_tickets_it_scored_and_how_many_won(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, LOSING, WINNING)
    close_week(db)
    enter(db)
    assert job(db, "draw_apply_results") == {
        "processed": 1,
        "total_tickets": 3,
        "winners_count": 2,
        "rounds": [WEEK.round_no],
    }


def test_nothing_of_a_draw_shows_before_it(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    close_week(db)
    assert tiers(db) == {}
    enter(db)
    assert tiers(db) == {}
    shown = db.select(anon, "rounds").row
    assert (shown["winning_numbers"], shown["winners_count"], shown["drawn_at"]) == (WINNING, None, None)
    (ticket,) = db.call(walker(1), "my_tickets", round_no=WEEK.round_no).rows
    assert (ticket["tier"], ticket["prize"]) == (None, None)


def test_an_administrator_draws_without_waiting_for_the_job(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    close_week(db)
    db.clock(WEEK.draws_at - SECOND)
    assert db.call(admin, "draw_round", round_no=WEEK.round_no).code == "round_not_due"
    enter(db)
    assert db.call(admin, "draw_round", round_no=WEEK.round_no).row["status"] == "drawn"
    assert job(db, "draw_apply_results")["processed"] == 0


@pytest.mark.parametrize("rpc", ["close_round", "draw_round", "settle_round"])
def test_only_an_administrator_moves_a_round(week_db: Database, rpc: str) -> None:
    assert week_db.call(anon, rpc, round_no=WEEK.round_no).status == 401
    for person in (walker(1), walker(1).claiming(user_metadata={"role": "admin"}, is_admin=True)):
        refused = week_db.call(person, rpc, round_no=WEEK.round_no)
        assert (refused.status, refused.code) == (403, "not_administrator")


def test_each_week_is_drawn_from_its_own_tickets(db: Database) -> None:
    for week, numbers in ((WEEK, WINNING), (WEEK.next, LOSING)):
        open_week(db, week)
        buy(db, walker(1), numbers)
        draw_week(db, week)
    winners = db.rows("select round_no, winners_count from luckywalk.rounds order by round_no")
    assert [w["winners_count"] for w in winners] == [1, 0]
