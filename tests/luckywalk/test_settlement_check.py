"""Settlement does not take the draw's figures for right because they are there. Fault 50."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.people import admin, walker
from tests.harness.refusals import assert_says
from tests.luckywalk.books import assert_books_prove
from tests.luckywalk.weeks import LOSING, SECOND, WEEK, WINNING, buy, draw_week, job, open_week, settle_week

FIVE, FOUR, THREE = ([*WINNING[:n], *[1, 2, 4][: 6 - n]] for n in (5, 4, 3))
SHARES = "every drawn round shares out its pots and prizes"
SAYS = "every round says what its tiers come to"
PAYS = "every prize of a settled round is paid, once and to its winner, and nothing else"

# What an owner's slip makes of the tiers, and the tiers that are wrong by it.
SLIPS = {
    "a prize more": ("update luckywalk.round_tiers set prize_each = prize_each + 1 where tier = 1", [1]),
    "a prize ten times as high": (
        "update luckywalk.round_tiers set prize_each = prize_each * 10 where tier = 4",
        [4],
    ),
    "prizes of all tiers": ("update luckywalk.round_tiers set prize_each = 7", [1, 2, 3, 4, 5]),
    "a prize less, and the rest to the house": (
        "update luckywalk.round_tiers set prize_each = prize_each - 1, remainder = remainder + winners_count"
        " where tier = 1",
        [1],
    ),
    "a winner less, who is paid all the same": (
        "update luckywalk.round_tiers set winners_count = 1, prize_each = 1000000, remainder = 0"
        " where tier = 1",
        [1],
    ),
    "a remainder more": ("update luckywalk.round_tiers set remainder = remainder + 1 where tier = 2", [2]),
    "a remainder of a prize that is no pot": (
        "update luckywalk.round_tiers set remainder = 1 where tier = 5",
        [5],
    ),
    "a tier less": ("delete from luckywalk.round_tiers where tier = 3", [3]),
    "no tiers": ("delete from luckywalk.round_tiers", [1, 2, 3, 4, 5]),
    "a winner more": (
        f"insert into luckywalk.results_user"
        f" values (gen_random_uuid(), {WEEK.round_no}, gen_random_uuid(), 5)",
        [5],
    ),
}


def drawn(db: Database) -> None:
    """Two winners of the first tier, one of the second, third and fourth."""
    open_week(db)
    buy(db, walker(1), WINNING, FIVE)
    buy(db, walker(2), WINNING, FOUR, THREE, LOSING)
    draw_week(db)


def broken(db: Database) -> list[str]:
    return [row["rule"] for row in db.rows('select * from luckywalk."check"()') if not row["ok"]]


@pytest.mark.parametrize("slip", SLIPS)
def test_a_round_whose_prizes_are_not_those_that_it_promised_is_not_paid(slip: str, db: Database) -> None:
    statement, tiers = SLIPS[slip]
    drawn(db)
    assert broken(db) == []
    db.owner.execute(statement.encode())
    assert SHARES in broken(db)
    db.clock(WEEK.settles_at)
    run = db.run_job("settle_round")
    assert run is not None
    assert (run["status"], run["sqlstate"]) == ("failed", "ZW019")
    answer = db.call(admin, "settle_round", round_no=WEEK.round_no)
    assert_says(answer, "prizes_do_not_add_up")
    assert answer.details["tiers"] == tiers
    assert db.value("select count(*) from ledger.transfers") == 0
    assert db.value("select status from luckywalk.rounds") == "drawn"


def test_what_the_error_says_to_do_brings_the_prizes_back(db: Database) -> None:
    drawn(db)
    db.owner.execute("update luckywalk.round_tiers set prize_each = 1")
    db.owner.execute("select luckywalk.share_prizes(r) from luckywalk.rounds as r")
    settle_week(db)
    assert_books_prove(db)
    assert broken(db) == []


def test_a_round_with_pots_too_small_for_its_winners_or_none_is_right(db: Database) -> None:
    db.owner.execute("select core.set_setting('luckywalk.tier1_pot', '1')")
    db.owner.execute("select core.set_setting('luckywalk.tier4_prize', '0')")
    drawn(db)
    assert broken(db) == []
    settle_week(db)
    assert broken(db) == []


PAID = {
    "a transfer more": (
        "insert into ledger.transfers values (gen_random_uuid(), 'luckywalk/round/1153/wallet',"
        " 'luckywalk.prizes', 'luckywalk.wallet', 5, now())",
        [PAYS],
    ),
    "a transfer less": (
        "delete from ledger.transfers where ctid = (select min(ctid) from ledger.transfers)",
        [PAYS],
    ),
    "another amount": ("update ledger.transfers set amount = amount + 1", [PAYS]),
    "another account": (
        "update ledger.transfers set credit_account = 'luckywalk.wallet'"
        " where credit_account = 'luckywalk.held'",
        [PAYS],
    ),
    "another sum in the round": ("update luckywalk.rounds set paid = paid + 1", [SAYS]),
    "another remainder in the round": ("update luckywalk.rounds set remainder = remainder + 1", [SAYS]),
    "another number of winners in the round": (
        "update luckywalk.rounds set winners_count = winners_count + 1",
        [SAYS],
    ),
    "another tier": (
        "update luckywalk.results_user set tier = 4 where tier = 1",
        [SHARES, PAYS],
    ),
}


@pytest.mark.parametrize("change", PAID)
def test_the_check_finds_what_was_changed_past_the_triggers(change: str, db: Database) -> None:
    statement, rules = PAID[change]
    drawn(db)
    settle_week(db)
    assert broken(db) == []
    with db.owner.transaction():
        db.owner.execute("set local session_replication_role = replica")
        db.owner.execute(statement.encode())
    assert broken(db) == rules


def test_nothing_is_broken_where_nothing_is(db: Database) -> None:
    assert broken(db) == []
    assert [row["ok"] for row in db.rows('select ok from luckywalk."check"()')] == [True] * 3


# Seat belts: claims, results and the seal.
CLAIMS, RESULTS = "luckywalk.claims_2025_01", f"luckywalk.results_user_{WEEK.round_no}"
RECORDS = {
    "luckywalk.seal_chunks": "round_frozen",
    "luckywalk.seal_nodes": "round_frozen",
    "luckywalk.results_user": "round_frozen",
    RESULTS: "round_frozen",
    "luckywalk.claims": "tickets_sealed",
    CLAIMS: "tickets_sealed",
}
CHANGES = ["update {} set round_no = round_no", "delete from {}", "delete from {} where false", "truncate {}"]
OF_CLAIMS = [
    "step = step",
    "user_id = gen_random_uuid()",
    "claimed_at = claimed_at",
    "ticket_id = gen_random_uuid()",
    "round_no = round_no + 1",
    "banked_mask = 126",
    "banked_mask = null",
]


@pytest.fixture(scope="module")
def settled(module_db: Database) -> Database:
    """A round that was drawn, in a database that is only looked at: what is tried is refused."""
    module_db.clock("2025-01-02 10:00")
    open_week(module_db)
    module_db.clock("2025-01-02 10:00")
    buy(module_db, walker(1), WINNING)
    draw_week(module_db)
    # After closing, so that it waits for the next round.
    buy(module_db, walker(2), LOSING)
    return module_db


def refused(db: Database, statement: str) -> str:
    with pytest.raises(psycopg.Error) as caught, db.owner.transaction():
        db.owner.execute(statement.encode())
    return str(db.value("select name from core.errors where sqlstate = %s", caught.value.sqlstate))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", RECORDS)
def test_nobody_changes_or_deletes_a_record_by_a_slip(table: str, change: str, settled: Database) -> None:
    assert refused(settled, change.format(table)) == RECORDS[table]


@pytest.mark.parametrize("change", OF_CLAIMS)
@pytest.mark.parametrize("table", ["luckywalk.claims", CLAIMS])
def test_a_claim_is_not_changed_but_by_its_redeeming(table: str, change: str, settled: Database) -> None:
    assert settled.value("select count(*) from luckywalk.claims where banked_mask is not null") == 1
    for where in ("", " where banked_mask is not null"):
        assert refused(settled, f"update {table} set {change}{where}") == "tickets_sealed"


def test_the_guards_of_a_table_are_on_each_of_its_partitions(settled: Database) -> None:
    guards = (
        "array(select t.tgname::text from pg_trigger as t"
        " where t.tgrelid = {} and t.tgenabled = 'O' and not t.tgisinternal order by t.tgname)"
    )
    rows = settled.rows(
        f"select p.parentrelid::regclass::text as parent, {guards.format('p.relid')} as own,"
        f" {guards.format('p.parentrelid')} as of_parent"
        " from unnest(array['claims', 'results_user', 'tickets']) as n (name)"
        " cross join pg_partition_tree(('luckywalk.' || n.name)::regclass) as p where p.level > 0"
    )
    parents = {row["parent"] for row in rows}
    assert parents == {"luckywalk.claims", "luckywalk.results_user", "luckywalk.tickets"}
    for row in rows:
        assert row["own"] == row["of_parent"] != [], row


def test_a_correction_draws_anew_and_an_opening_redeems_under_the_guards(db: Database) -> None:
    drawn(db)
    assert db.call(
        admin, "correct_draw_result", round_no=WEEK.round_no, numbers=FOUR, reason="typing error"
    ).ok
    assert job(db, "draw_apply_results")["rounds"] == [WEEK.round_no]
    buy(db, walker(5), LOSING)
    db.clock(WEEK.next.opens_at - SECOND)
    open_week(db, WEEK.next)
    assert db.value("select count(*) from luckywalk.claims where banked_mask is not null") == 0
    assert db.value("select count(*) from luckywalk.tickets where round_no = %s", WEEK.next.round_no) == 1
