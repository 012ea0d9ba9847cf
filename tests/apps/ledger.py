"""The ledger in the tests of all apps: money that came and went."""

from __future__ import annotations

from tests.harness.apps import AppTests
from tests.harness.databases import Database
from tests.harness.people import walker
from tests.ledger.books import HOUSE, PURSE, open_books, post

CONSTRAINTS = ("tests/luckywalk/test_constraints.py", "tests/luckywalk/test_nulls.py")


def fill(db: Database) -> None:
    """Two transfers each, there and back: what walkers have is left to the apps that pay them."""
    open_books(db)
    for person in (walker(1), walker(2)):
        assert post(db.owner, person.user_id, "came", HOUSE, PURSE, 5)
        assert post(db.owner, person.user_id, "went", PURSE, HOUSE, 5)


TESTS = AppTests(
    fill=fill,
    forbidden=(
        "insert into ledger.transfers "
        "values (auth.uid(), 'x', 'luckywalk.prizes', 'luckywalk.wallet', 1, now())",
        "update ledger.balances set balance = 1000000",
        "select ledger.post(auth.uid(), 'x', 'luckywalk.prizes', 'luckywalk.wallet', 1000000)",
        "select ledger.post_many('{}')",
        "select ledger.post_from('luckywalk.prize_orders', 1153)",
        "truncate ledger.transfers",
    ),
    likely={"schema/ledger/": CONSTRAINTS},
    # The same rules as their neighbours', by the million.
    slow=("test_million.py",),
)
