"""Many transfers, in `make test-deep` a million, are one statement, and a repetition of it moves nothing."""

from __future__ import annotations

from tests.harness.databases import Database
from tests.harness.depth import deeper, depth
from tests.ledger.books import HOUSE, PURSE, broken_rules

PEOPLE = depth(1_000, 20_000)
TRANSFERS = PEOPLE * 50

POST = f"""
select ledger.post_many(array(
    select row(
        ('00000000-0000-4000-8000-' || lpad(to_hex(n %% {PEOPLE}), 12, '0'))::uuid,
        'prize ' || n, '{HOUSE}', '{PURSE}', 1 + n %% 1000
    )::ledger.transfer_order
    from generate_series(1, %s) as n
))
"""


@deeper
def test_many_transfers_are_one_statement_once(books: Database) -> None:
    assert books.value(POST, TRANSFERS) == TRANSFERS
    assert books.value(POST, TRANSFERS) == 0
    assert books.value("select count(*) from ledger.balances") == PEOPLE
    total = sum(1 + n % 1000 for n in range(1, TRANSFERS + 1))
    assert books.value("select sum(balance) from ledger.balances") == total
    assert books.value("select ledger.house_balance(%s)", HOUSE) == -total
    assert broken_rules(books) == set()
