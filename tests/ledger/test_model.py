"""The ledger beside a plain one in Python: whatever is posted, both say the same."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple
from uuid import UUID

import psycopg
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.harness.databases import Database
from tests.harness.refusals import declared_errors
from tests.ledger.books import CHART, CREDIT, NOBODY, POINTS_HOUSE, broken_rules, person, post_many

ACCOUNTS = {name: (holder, currency, may_overdraw) for name, holder, currency, may_overdraw in CHART}


class Transfer(NamedTuple):
    """An order with all its parts."""

    user_id: UUID
    key: str
    debit: str
    credit: str
    amount: int


ORDERS = st.builds(
    Transfer,
    user_id=st.sampled_from([person(1), person(2), person(3), NOBODY]),
    key=st.sampled_from([f"key {n}" for n in range(12)]),
    debit=st.sampled_from([*ACCOUNTS, "shop.nothing"]),
    credit=st.sampled_from([*ACCOUNTS, "shop.nothing"]),
    amount=st.integers(-1, 50),
)


class PlainLedger:
    """The rules, as one would write them without a database."""

    def __init__(self) -> None:
        self.transfers: dict[tuple[UUID, str], Transfer] = {}
        self.balances: defaultdict[tuple[UUID, str], int] = defaultdict(int)

    def post(self, orders: list[Transfer]) -> int | None:
        """How many were new; None: refused, and nothing happened."""
        transfers, balances = dict(self.transfers), self.balances.copy()
        for order in orders:
            booked = transfers.setdefault((order.user_id, order.key), order)
            if booked != order or not self._possible(order):
                return None
        for order in (transfers[at] for at in transfers.keys() - self.transfers.keys()):
            balances[order.user_id, order.debit] -= order.amount
            balances[order.user_id, order.credit] += order.amount
        for (_, account), balance in balances.items():
            if balance < 0 and not ACCOUNTS[account][2]:
                return None
        new = len(transfers) - len(self.transfers)
        self.transfers, self.balances = transfers, balances
        return new

    @staticmethod
    def _possible(order: Transfer) -> bool:
        if order.amount <= 0 or order.debit == order.credit:
            return False
        if order.debit not in ACCOUNTS or order.credit not in ACCOUNTS:
            return False
        (debit_holder, debit_currency, _), (credit_holder, credit_currency, _) = (
            ACCOUNTS[order.debit],
            ACCOUNTS[order.credit],
        )
        touches_person = "person" in (debit_holder, credit_holder)
        return debit_currency == credit_currency and touches_person == (order.user_id != NOBODY)


class BothLedgers(RuleBasedStateMachine):
    """Posts the same to both."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.plain = PlainLedger()
        self.connection = self.db.owner
        self.connection.execute("begin")

    @rule(orders=st.lists(ORDERS, max_size=6))
    def post_anything(self, orders: list[Transfer]) -> None:
        self._post(orders)

    @rule(
        user_id=st.sampled_from([person(1), person(2)]),
        key=st.sampled_from([f"key {n}" for n in range(12)]),
        pair=st.sampled_from(
            [(d, c) for d in ACCOUNTS for c in ACCOUNTS if d != c and "points" not in d + c]
        ),
        amount=st.integers(1, 50),
    )
    def post_something_possible(self, user_id: UUID, key: str, pair: tuple[str, str], amount: int) -> None:
        self._post([Transfer(user_id, key, *pair, amount)])

    @rule()
    def post_all_again(self) -> None:
        self._post(list(self.plain.transfers.values()))

    def _post(self, orders: list[Transfer]) -> None:
        expected = self.plain.post(orders)
        assert self._posted(orders) == expected

    def _posted(self, orders: list[Transfer]) -> int | None:
        """What the database says: how many were new; None: refused with a declared error."""
        try:
            with self.connection.transaction():
                return post_many(self.connection, orders)
        except psycopg.Error as error:
            entries = declared_errors("ledger").values()
            constraints = {name for entry in entries for name in entry.constraints}
            if error.diag.constraint_name in constraints or error.sqlstate in {e.sqlstate for e in entries}:
                return None
            raise

    @invariant()
    def both_say_the_same(self) -> None:
        kept = {
            (row["user_id"], row["account"]): row["balance"]
            for row in self.db.rows("select * from ledger.balances where balance <> 0")
        }
        of_people = {
            at: balance
            for at, balance in self.plain.balances.items()
            if balance and ACCOUNTS[at[1]][0] == "person"
        }
        assert kept == of_people
        assert broken_rules(self.db) == set()
        house = sum(b for (_, account), b in self.plain.balances.items() if account == POINTS_HOUSE)
        assert self.db.value("select ledger.house_balance(%s)", POINTS_HOUSE) == house

    def teardown(self) -> None:
        self.connection.execute("rollback")


def test_the_ledger_says_what_a_plain_ledger_says(books: Database) -> None:
    run_state_machine_as_test(
        type("BothLedgersHere", (BothLedgers,), {"db": books}),
        settings=settings(max_examples=40, stateful_step_count=12, deadline=None),
    )


def test_credit_is_the_one_account_of_people_that_goes_below_zero() -> None:
    overdrawable = [name for name, (holder, _, may) in ACCOUNTS.items() if holder == "person" and may]
    assert overdrawable == [CREDIT]
