"""Draw and settlement, counted again in plain Python from the tickets alone, come to the same."""

from __future__ import annotations

from tests.harness.databases import Database
from tests.luckywalk.books import assert_books_prove, recount, stored
from tests.luckywalk.weeks import WEEK, Week, draw_week, mask_of, open_week, pour, settle_week


def pour_winners(db: Database, week: Week, winning: list[int]) -> None:
    """Tickets that share three to six numbers with the winning ones, which chance brings too rarely."""
    losing = [n for n in range(1, 46) if n not in winning]
    masks = [
        mask_of(winning[:matches] + losing[start : start + 6 - matches])
        for matches, copies in ((6, 3), (5, 7), (4, 11), (3, 5))
        for start in range(copies)
    ]
    db.owner.execute(
        "insert into luckywalk.tickets (ticket_id, user_id, round_no, mask, created_at) "
        "select gen_random_uuid(), ('00000000-0000-4000-8000-' || lpad(to_hex(n %% 17 + 1), 12, '0'))::uuid, "
        "%s, mask, core.now() from unnest(%s::bigint[]) with ordinality as m (mask, n)",
        [week.round_no, masks],
    )


def test_a_thousand_tickets_counted_again_in_plain_python_come_to_the_same(db: Database) -> None:
    winning = [7, 13, 20, 28, 33, 45]
    open_week(db)
    pour(db, WEEK, 1000)
    pour_winners(db, WEEK, winning)
    draw_week(db, WEEK, winning)
    expected = recount(db, winning)
    drawn = stored(db)
    assert (drawn.tiers, drawn.winners, drawn.each, drawn.remainder) == (
        expected.tiers,
        expected.winners,
        expected.each,
        expected.remainder,
    )
    assert set(drawn.winners) == {1, 2, 3, 4, 5}
    assert drawn.remainder[1] == 1_000_000 - 3 * 333_333
    assert drawn.paid == 0

    settle_week(db)
    assert stored(db) == expected
    (round_,) = db.rows("select winners_count, paid, remainder from luckywalk.rounds")
    assert round_ == {
        "winners_count": sum(expected.winners.values()),
        "paid": expected.paid,
        "remainder": sum(expected.remainder.values()),
    }
    assert_books_prove(db)


def test_two_rounds_are_counted_apart(db: Database) -> None:
    winning = {WEEK: [1, 2, 3, 4, 5, 6], WEEK.next: [40, 41, 42, 43, 44, 45]}
    for week, numbers in winning.items():
        open_week(db, week)
        pour(db, week, 200)
        draw_week(db, week, numbers)
        settle_week(db, week)
    for week, numbers in winning.items():
        assert stored(db, week) == recount(db, numbers, week)
    assert_books_prove(db)
    balances = db.value("select sum(balance) from ledger.balances")
    assert balances == sum(recount(db, numbers, week).paid for week, numbers in winning.items())
