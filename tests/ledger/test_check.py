"""ledger.check(): each way in which books can be corrupted past the triggers is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import rolled_back
from tests.ledger.books import CREDIT, HOUSE, POINTS, PURSE, VAULT, broken_rules, person, post

ME = person(1)
SUMS = "every balance is the sum of its transfers"
ZERO = "each currency sums to zero"
BELOW = "no balance is below zero where that is forbidden"
CHART = "every transfer is between two accounts of the chart in one currency, of one person or of none"
RULES = {SUMS, ZERO, BELOW, CHART}

INSERT = "insert into ledger.transfers values ('{user}', 'forged', '{debit}', '{credit}', 5, now())"
MY_PURSE = f"where user_id = '{ME}' and account = '{PURSE}'"
NOBODY = "00000000-0000-0000-0000-000000000000"


def forged(debit: str, credit: str, user: object = ME) -> str:
    return INSERT.format(user=user, debit=debit, credit=credit)


CORRUPTIONS: dict[str, tuple[str, set[str]]] = {
    "a balance that was raised": (f"update ledger.balances set balance = 1000 {MY_PURSE}", {SUMS}),
    "a balance that was lowered": (f"update ledger.balances set balance = 99 {MY_PURSE}", {SUMS}),
    "a balance that was deleted": (f"delete from ledger.balances {MY_PURSE}", {SUMS}),
    "a balance without a transfer": (
        f"insert into ledger.balances values ('{person(2)}', '{PURSE}', 5, false, now())",
        {SUMS},
    ),
    "an empty balance without a transfer": (
        f"insert into ledger.balances values ('{person(2)}', '{PURSE}', 0, false, now())",
        {SUMS},
    ),
    "a balance of another account": (f"update ledger.balances set account = '{POINTS}' {MY_PURSE}", {SUMS}),
    "a balance of another person": (f"update ledger.balances set user_id = '{person(2)}' {MY_PURSE}", {SUMS}),
    "a balance that may suddenly be overdrawn": (
        f"update ledger.balances set may_overdraw = true {MY_PURSE}",
        {SUMS},
    ),
    "a transfer that was deleted": ("delete from ledger.transfers where transfer_key = 'saved'", {SUMS}),
    "a transfer that was changed": (
        "update ledger.transfers set amount = 101 where transfer_key = 'prize'",
        {SUMS},
    ),
    "a transfer that was turned around": (
        f"update ledger.transfers set debit_account = '{VAULT}', credit_account = '{PURSE}' "
        "where transfer_key = 'saved'",
        {SUMS, BELOW},
    ),
    "a transfer that moved no balance": (forged(HOUSE, PURSE), {SUMS}),
    "a transfer between two currencies": (forged(HOUSE, POINTS), {SUMS, ZERO, CHART}),
    "a transfer to an account outside of the chart": (forged(HOUSE, "shop.none"), {ZERO, CHART}),
    "a transfer from an account outside of the chart": (forged("shop.none", HOUSE), {ZERO, CHART}),
    "a transfer between accounts outside of the chart": (forged("shop.none", "shop.nix"), {CHART}),
    "a person's transfer between two houses": (forged(HOUSE, "luckywalk.prizes"), {CHART}),
    "a house's transfer to a person's account": (forged(HOUSE, PURSE, NOBODY), {SUMS, CHART}),
    "a balance brought below zero": (forged(PURSE, HOUSE, person(3)), {SUMS, BELOW}),
    "a chart that lost an account": (
        f"delete from ledger.accounts where account = '{VAULT}'",
        RULES - {BELOW},
    ),
    "an account that changed its currency": (
        f"update ledger.accounts set currency = 'USD' where account = '{VAULT}'",
        {ZERO, CHART},
    ),
}


@pytest.fixture(autouse=True)
def _booked(module_books: Database) -> Any:
    with rolled_back(module_books.owner):
        post(module_books.owner, ME, "prize", HOUSE, PURSE, 100)
        post(module_books.owner, ME, "saved", PURSE, VAULT, 30)
        post(module_books.owner, ME, "lent", CREDIT, PURSE, 20)
        yield


def test_true_books_keep_every_rule(module_books: Database) -> None:
    found = module_books.rows("select * from ledger.check()")
    assert {row["rule"] for row in found} == RULES
    assert all(row["ok"] for row in found)


def test_empty_books_are_true_books(db: Database) -> None:
    assert broken_rules(db) == set()


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_each_corruption_is_found(corruption: str, module_books: Database) -> None:
    statement, broken = CORRUPTIONS[corruption]
    module_books.owner.execute("set local session_replication_role = replica")
    module_books.owner.execute(statement.encode())
    module_books.owner.execute("set local session_replication_role = origin")
    assert broken_rules(module_books) == broken
