"""Posting: a transfer happens once, between accounts that can have it, and never on credit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.people import admin, anon, service, signed_in, walker
from tests.harness.refusals import assert_says, declared_errors, refused, rolled_back
from tests.harness.target import CRON_ALONE, OWNER, SUPERUSER
from tests.ledger.books import (
    CREDIT,
    HOUSE,
    NOBODY,
    POINTS,
    POINTS_HOUSE,
    PURSE,
    VAULT,
    balance,
    broken_rules,
    person,
    post,
    post_many,
)

ME, OTHER = person(1), person(2)
TRANSFERS = "select count(*) from ledger.transfers"

# One order that reaches each error of the ledger. A new error needs a new line.
CASES: dict[str, list[tuple[Any, ...]]] = {
    "ledger_account_not_found": [(ME, "a", HOUSE, "shop.nothing", 1)],
    "overdraft": [(ME, "a", PURSE, HOUSE, 1)],
    "transfer_key_reused": [(ME, "a", HOUSE, PURSE, 1), (ME, "a", HOUSE, PURSE, 2)],
    "transfer_invalid": [(ME, "a", HOUSE, PURSE, 0)],
}


@pytest.fixture(autouse=True)
def _rolled_back(module_books: Database) -> Any:
    with rolled_back(module_books.owner, OWNER):
        yield


@pytest.mark.parametrize("name", declared_errors("ledger"))
def test_every_error_of_the_ledger_is_reached_through_what_raises_it(
    name: str, module_books: Database
) -> None:
    with refused(name), module_books.owner.transaction():
        if name == "ledger_is_immutable":
            module_books.owner.execute("delete from ledger.transfers")
        for order in CASES[name]:
            post(module_books.owner, *order)


def test_a_transfer_credits_one_account_and_debits_the_other(module_books: Database) -> None:
    assert post(module_books.owner, ME, "prize", HOUSE, PURSE, 500) is True
    assert post(module_books.owner, ME, "saved", PURSE, VAULT, 200) is True
    assert (balance(module_books, ME), balance(module_books, ME, VAULT)) == (300, 200)
    assert module_books.value("select ledger.house_balance(%s)", HOUSE) == -500
    assert broken_rules(module_books) == set()


def test_a_repeated_transfer_moves_nothing_and_says_so(module_books: Database) -> None:
    order = (ME, "prize", HOUSE, PURSE, 500)
    assert [post(module_books.owner, *order) for _ in range(3)] == [True, False, False]
    assert balance(module_books, ME) == 500
    assert module_books.value(TRANSFERS) == 1


@pytest.mark.parametrize(
    "changed", [(HOUSE, PURSE, 501), (HOUSE, VAULT, 500), (PURSE, HOUSE, 500), (CREDIT, PURSE, 500)]
)
def test_a_key_is_never_used_for_another_transfer(
    changed: tuple[str, str, int], module_books: Database
) -> None:
    post(module_books.owner, ME, "prize", HOUSE, PURSE, 500)
    with refused("transfer_key_reused"), module_books.owner.transaction():
        post(module_books.owner, ME, "prize", *changed)
    assert balance(module_books, ME) == 500


def test_a_key_belongs_to_its_person(module_books: Database) -> None:
    assert post(module_books.owner, ME, "prize", HOUSE, PURSE, 1)
    assert post(module_books.owner, OTHER, "prize", HOUSE, PURSE, 2)
    assert (balance(module_books, ME), balance(module_books, OTHER)) == (1, 2)


def test_of_a_batch_only_what_is_new_is_posted(module_books: Database) -> None:
    first = (ME, "1", HOUSE, PURSE, 10)
    assert post_many(module_books.owner, [first, (ME, "2", HOUSE, PURSE, 20)]) == 2
    assert (
        post_many(module_books.owner, [first, (ME, "3", HOUSE, PURSE, 30), (ME, "3", HOUSE, PURSE, 30)]) == 1
    )
    assert post_many(module_books.owner, []) == 0
    assert balance(module_books, ME) == 60


@pytest.mark.parametrize(
    "bad",
    [
        (OTHER, "x", PURSE, HOUSE, 1),
        (OTHER, "x", HOUSE, "shop.nothing", 1),
        (OTHER, "x", HOUSE, PURSE, -1),
        (ME, "1", HOUSE, PURSE, 11),
        (OTHER, "x", HOUSE, POINTS, 1),
    ],
)
def test_a_batch_is_posted_whole_or_not_at_all(bad: tuple[Any, ...], module_books: Database) -> None:
    with pytest.raises(psycopg.Error), module_books.owner.transaction():
        post_many(module_books.owner, [(ME, "1", HOUSE, PURSE, 10), bad])
    assert module_books.value(TRANSFERS) == 0
    assert balance(module_books, ME) == 0


@pytest.mark.parametrize("has", [0, 99])
def test_no_balance_goes_below_zero(has: int, module_books: Database) -> None:
    if has:
        post(module_books.owner, ME, "prize", HOUSE, PURSE, has)
    with refused("overdraft"), module_books.owner.transaction():
        post(module_books.owner, ME, "spent", PURSE, HOUSE, has + 1)
    assert balance(module_books, ME) == has


def test_all_of_a_balance_can_be_spent_and_not_twice(module_books: Database) -> None:
    post(module_books.owner, ME, "prize", HOUSE, PURSE, 100)
    assert post(module_books.owner, ME, "spent", PURSE, HOUSE, 100)
    assert balance(module_books, ME) == 0
    with refused("overdraft"), module_books.owner.transaction():
        post(module_books.owner, ME, "spent again", PURSE, HOUSE, 1)


def test_in_one_batch_what_comes_in_covers_what_goes_out(module_books: Database) -> None:
    orders = [(ME, "in", HOUSE, PURSE, 100), (ME, "out", PURSE, VAULT, 100)]
    assert post_many(module_books.owner, orders) == 2
    assert (balance(module_books, ME), balance(module_books, ME, VAULT)) == (0, 100)
    with refused("overdraft"), module_books.owner.transaction():
        post_many(module_books.owner, [(ME, "2", HOUSE, PURSE, 10), (ME, "3", PURSE, VAULT, 11)])


def test_an_account_that_may_be_overdrawn_may_be_overdrawn(module_books: Database) -> None:
    assert post(module_books.owner, ME, "loan", CREDIT, PURSE, 300)
    assert (balance(module_books, ME, CREDIT), balance(module_books, ME)) == (-300, 300)
    assert broken_rules(module_books) == set()


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ((ME, "a", HOUSE, POINTS, 1), "two currencies"),
        ((NOBODY, "a", HOUSE, POINTS_HOUSE, 1), "two currencies"),
        ((NOBODY, "a", HOUSE, PURSE, 1), "needs a person"),
        ((NOBODY, "a", CREDIT, HOUSE, 1), "needs a person"),
        ((ME, "a", HOUSE, "luckywalk.prizes", 1), "no account of it is a person's"),
    ],
)
def test_a_transfer_touches_one_person_or_none_in_one_currency(
    order: tuple[Any, ...], reason: str, module_books: Database
) -> None:
    with refused("transfer_invalid") as refusal, module_books.owner.transaction():
        post(module_books.owner, *order)
    assert reason in refusal.detail


def test_house_to_house_touches_nobody(module_books: Database) -> None:
    assert post(module_books.owner, NOBODY, "a", HOUSE, "luckywalk.prizes", 7)
    assert module_books.value("select count(*) from ledger.balances") == 0
    assert module_books.value("select ledger.house_balance('luckywalk.prizes')") == 7


@pytest.mark.parametrize(
    ("order", "constraint"),
    [
        ((ME, "a", HOUSE, PURSE, 0), "transfers_amount_is_positive"),
        ((ME, "a", HOUSE, PURSE, -5), "transfers_amount_is_positive"),
        ((ME, "a", PURSE, PURSE, 5), "transfers_accounts_differ"),
        ((ME, "", HOUSE, PURSE, 5), "transfers_key_length"),
        ((ME, "k" * 201, HOUSE, PURSE, 5), "transfers_key_length"),
    ],
)
def test_an_impossible_transfer_names_the_rule_it_breaks(
    order: tuple[Any, ...], constraint: str, module_books: Database
) -> None:
    with refused("transfer_invalid") as refusal, module_books.owner.transaction():
        post(module_books.owner, *order)
    assert refusal.constraint == constraint


@pytest.mark.parametrize("missing", range(5))
def test_a_transfer_with_a_part_missing_is_refused(missing: int, module_books: Database) -> None:
    order: list[Any] = [ME, "a", HOUSE, PURSE, 1]
    order[missing] = None
    with refused("23502"), module_books.owner.transaction():
        post(module_books.owner, *order)


def test_the_largest_amount_fits_and_one_more_breaks_nothing(module_books: Database) -> None:
    largest = 2**63 - 1
    post(module_books.owner, ME, "all", HOUSE, PURSE, largest)
    assert balance(module_books, ME) == largest
    with refused("22003"), module_books.owner.transaction():
        post(module_books.owner, ME, "more", HOUSE, PURSE, 1)
    assert broken_rules(module_books) == set()


def test_transfers_inserted_without_the_function_are_proved_and_moved_too(module_books: Database) -> None:
    insert = "insert into ledger.transfers values (%s, %s, %s, %s, %s, now())"
    module_books.owner.execute(insert, [ME, "by hand", HOUSE, PURSE, 5])
    assert balance(module_books, ME) == 5
    with refused("overdraft"), module_books.owner.transaction():
        module_books.owner.execute(insert, [ME, "too much", PURSE, HOUSE, 6])
    with refused("transfer_invalid"), module_books.owner.transaction():
        module_books.owner.execute(insert, [ME, "mixed", HOUSE, POINTS, 6])
    with module_books.owner.cursor().copy("copy ledger.transfers from stdin") as copy:
        copy.write_row([ME, "copied", HOUSE, PURSE, 7, "2025-01-01"])
    assert balance(module_books, ME) == 12
    assert broken_rules(module_books) == set()


@pytest.mark.parametrize(
    "account",
    [
        ("shop.mint", "house", "KRW", False),
        ("shop.other", "stranger", "KRW", True),
        ("nodot", "person", "KRW", True),
        ("Shop.Purse", "person", "KRW", True),
    ],
)
def test_an_account_outside_of_the_rules_cannot_be_declared(
    account: tuple[Any, ...], module_books: Database
) -> None:
    with refused("23514"), module_books.owner.transaction():
        query = "select ledger.declare_account(%s, %s, %s, 'x', %s)"
        module_books.owner.execute(query, account)


DECLARE = "select ledger.declare_account(%s, %s, %s, %s, %s)"


@pytest.mark.parametrize(
    "changed",
    [
        (PURSE, "house", "KRW", "For tests.", True),
        (PURSE, "person", "USD", "For tests.", False),
        (PURSE, "person", "KRW", "For tests.", True),
    ],
)
def test_an_account_declared_in_another_way_is_refused(
    changed: tuple[Any, ...], module_books: Database
) -> None:
    """Fault 32. A line that was changed in a file took no effect, and nobody was told."""
    with refused("55000") as refusal, module_books.owner.transaction():
        module_books.owner.execute(DECLARE, changed)
    assert refusal.message == (
        f"account {PURSE} is there already: holder person, currency KRW, may_overdraw f"
    )


def test_an_account_declared_again_follows_its_description(module_books: Database) -> None:
    """Fault 32."""
    for description in ("Other words.", "For tests."):
        module_books.owner.execute(DECLARE, [PURSE, "person", "KRW", description, False])
        query = "select holder, currency, description from ledger.accounts where account = %s"
        [account] = module_books.rows(query, PURSE)
        assert account == {"holder": "person", "currency": "KRW", "description": description}


def test_a_person_sees_their_own_balances_zero_included_and_nobody_elses(books: Database) -> None:
    me = walker(900)
    post(books.owner, me.user_id, "seen", HOUSE, PURSE, 5)
    post(books.owner, walker(901).user_id, "unseen", HOUSE, PURSE, 7)
    mine = {row["account"]: row for row in books.call(me, "my_balances").rows}
    assert mine[PURSE]["balance"] == 5
    assert {account for account, row in mine.items() if row["balance"] == 0} == mine.keys() - {PURSE}
    assert HOUSE not in mine
    assert mine[POINTS]["currency"] == "PTS"


def test_who_is_not_signed_in_has_no_balances(module_books: Database) -> None:
    nobody = signed_in(UUID(int=0), "the house")
    assert_says(module_books.call(nobody, "my_balances"), "not_signed_in")
    assert module_books.call(anon, "my_balances").status == 401
    assert module_books.call(service, "my_balances").status == 403


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", *CRON_ALONE, "authenticator"])
@pytest.mark.parametrize(
    "statement",
    [
        "select ledger.post(gen_random_uuid(), 'a', 'shop.house', 'shop.purse', 1)",
        "select ledger.post_many('{}')",
        "select ledger.house_balance('shop.house')",
        "select * from ledger.check()",
        "select ledger.declare_account('shop.mine', 'person', 'KRW', 'x', true)",
        "select * from ledger.balances",
        "select * from ledger.transfers",
        "insert into ledger.transfers values (gen_random_uuid(), 'a', 'shop.house', 'shop.purse', 1, now())",
    ],
)
def test_no_client_moves_or_sees_money(role: str, statement: str, module_books: Database) -> None:
    with module_books.server.connect(module_books.name, user=SUPERUSER) as session:
        session.execute(f"set role {role}".encode())
        with refused("42501"):
            session.execute(statement.encode())


def test_an_administrator_moves_no_money_either(module_books: Database) -> None:
    assert module_books.call(admin, "post", user_id=str(ME)).code == "PGRST202"
