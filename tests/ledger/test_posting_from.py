"""Posting what a function returns: the same rules as any posting, whatever the number of orders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused, rolled_back
from tests.harness.target import CRON_ALONE, OWNER
from tests.ledger.books import HOUSE, PURSE, balance, broken_rules, person, post

SOURCE = """
create or replace function shop.orders(highest bigint)
returns setof ledger.transfer_order
language sql
stable
as $$
    select person::uuid, 'prize ' || n, debit_account, credit_account, amount::bigint
    from (values {values}) as v (n, person, debit_account, credit_account, amount)
    where n <= highest
$$
"""
FIRST = (1, person(1), HOUSE, PURSE, 500)


@pytest.fixture(autouse=True)
def _rolled_back(module_books: Database) -> Any:
    with rolled_back(module_books.owner, OWNER):
        module_books.owner.execute("create schema shop")
        yield


def _post(db: Database, *orders: tuple[Any, ...], highest: int = 9) -> int:
    values = ", ".join(
        f"({n}, '{who}', '{debit}', '{credit}', {won})" for n, who, debit, credit, won in orders
    )
    db.owner.execute(SOURCE.format(values=values).encode())
    posted: int = db.value("select ledger.post_from('shop.orders', %s)", highest)
    return posted


def test_what_is_returned_is_posted_once(module_books: Database) -> None:
    assert _post(module_books, FIRST, (2, person(2), HOUSE, PURSE, 7)) == 2
    assert _post(module_books, FIRST, (3, person(1), HOUSE, PURSE, 1)) == 1
    assert _post(module_books, FIRST) == 0
    assert (balance(module_books, person(1)), balance(module_books, person(2))) == (501, 7)
    assert broken_rules(module_books) == set()


def test_no_orders_post_nothing(module_books: Database) -> None:
    assert _post(module_books, FIRST, highest=0) == 0
    assert balance(module_books, person(1)) == 0


def test_a_key_is_never_used_for_another_transfer(module_books: Database) -> None:
    post(module_books.owner, person(1), "prize 1", HOUSE, PURSE, 500)
    assert _post(module_books, FIRST) == 0
    with refused("transfer_key_reused"), module_books.owner.transaction():
        _post(module_books, (1, person(1), HOUSE, PURSE, 501), (2, person(2), HOUSE, PURSE, 1))
    assert (balance(module_books, person(1)), balance(module_books, person(2))) == (500, 0)


def test_twice_the_same_key_in_one_call_is_one_transfer_or_refused(module_books: Database) -> None:
    assert _post(module_books, FIRST, FIRST) == 1
    with refused("transfer_key_reused"), module_books.owner.transaction():
        _post(module_books, (4, person(1), HOUSE, PURSE, 1), (4, person(1), HOUSE, PURSE, 2))
    assert balance(module_books, person(1)) == 500


def test_nobody_is_overdrawn(module_books: Database) -> None:
    with refused("overdraft"), module_books.owner.transaction():
        _post(module_books, (1, person(1), PURSE, HOUSE, 1))


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", *CRON_ALONE])
def test_nobody_but_the_owner_posts(role: str, module_books: Database) -> None:
    may = "select has_function_privilege(%s, 'ledger.post_from(regproc, bigint)', 'execute')"
    assert module_books.value(may, role) is False
