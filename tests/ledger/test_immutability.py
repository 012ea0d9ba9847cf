"""What is booked stays booked: against every role, the owner's and a superuser's slips included."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused, rolled_back
from tests.harness.target import CRON_ALONE, OWNER
from tests.ledger.books import HOUSE, PURSE, broken_rules, person, post

ME = person(1)
SLIPS = [
    "update ledger.transfers set amount = amount + 1",
    "update ledger.transfers set amount = amount where false",
    "update only ledger.transfers set created_at = now()",
    "delete from ledger.transfers",
    "delete from ledger.transfers where false",
    "truncate ledger.transfers",
    "truncate ledger.transfers, ledger.balances",
    "truncate ledger.transfers cascade",
    "insert into ledger.transfers select * from ledger.transfers "
    "on conflict on constraint transfers_pkey do update set amount = 1",
    "merge into ledger.transfers as t using (values (1)) as v on true when matched then delete",
    "update ledger.balances set balance = 1000000",
    "update ledger.balances set may_overdraw = true",
    "insert into ledger.balances values (gen_random_uuid(), 'shop.purse', 5, false, now())",
    "insert into ledger.balances select * from ledger.balances "
    "on conflict on constraint balances_pkey do update set balance = 0",
    "delete from ledger.balances",
    "truncate ledger.balances",
    "update ledger.accounts set may_overdraw = true",
    "update ledger.accounts set currency = 'USD'",
    "delete from ledger.accounts",
    "truncate ledger.accounts",
    "with gone as (delete from ledger.transfers returning 1) select count(*) from gone",
]


@pytest.fixture(autouse=True)
def _one_transfer(module_books: Database) -> Any:
    with rolled_back(module_books.owner):
        post(module_books.owner, ME, "prize", HOUSE, PURSE, 100)
        yield


@pytest.mark.parametrize("role", [OWNER, "none"])
@pytest.mark.parametrize("slip", SLIPS)
def test_the_owners_and_a_superusers_slips_are_refused(slip: str, role: str, module_books: Database) -> None:
    with refused("ledger_is_immutable"), module_books.owner.transaction():
        module_books.owner.execute(f"set local role {role}".encode())
        module_books.owner.execute(slip.encode())
    assert broken_rules(module_books) == set()


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "authenticator", *CRON_ALONE])
@pytest.mark.parametrize("slip", SLIPS)
def test_other_roles_are_not_even_let_near(slip: str, role: str, module_books: Database) -> None:
    with refused("42501"), module_books.owner.transaction():
        module_books.owner.execute(f"set local role {role}".encode())
        module_books.owner.execute(slip.encode())


def test_the_refusal_names_table_and_command(module_books: Database) -> None:
    with refused("ledger_is_immutable") as refusal, module_books.owner.transaction():
        module_books.owner.execute("truncate ledger.transfers")
    assert refusal.detail == '{"table": "transfers", "command": "truncate"}'


def test_copying_balances_in_is_a_change_by_hand(module_books: Database) -> None:
    with (
        refused("ledger_is_immutable"),
        module_books.owner.transaction(),
        module_books.owner.cursor().copy("copy ledger.balances from stdin") as copy,
    ):
        copy.write_row([person(2), PURSE, 5, False, "2025-01-01"])


def test_a_wrong_transfer_is_put_right_by_one_that_goes_the_other_way(module_books: Database) -> None:
    assert post(module_books.owner, ME, "prize, taken back", PURSE, HOUSE, 100)
    assert module_books.value("select balance from ledger.balances where user_id = %s", ME) == 0
    assert broken_rules(module_books) == set()
