"""A week counted again in plain Python, from its tickets alone, and all that a repetition must not change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.harness.databases import Database
from tests.luckywalk.merkle import tickets_of
from tests.luckywalk.weeks import WEEK, Week, mask_of

POTS = {1: 1_000_000, 2: 500_000}
FIXED = {3: 50, 4: 10, 5: 5}


@dataclass
class Count:
    """What a round comes to."""

    tiers: dict[UUID, int] = field(default_factory=dict)  # ticket → tier
    winners: Counter[int] = field(default_factory=Counter)
    each: dict[int, int] = field(default_factory=dict)
    remainder: dict[int, int] = field(default_factory=dict)
    wallet: Counter[UUID] = field(default_factory=Counter)
    held: Counter[UUID] = field(default_factory=Counter)

    @property
    def paid(self) -> int:
        """Won, to all accounts."""
        return sum(self.wallet.values()) + sum(self.held.values())


def recount(db: Database, winning: list[int], week: Week = WEEK) -> Count:
    """Score, count, share and pay the stored tickets, as the rules say."""
    count = Count()
    drawn = set(winning)
    owners = {}
    for ticket in tickets_of(db, week):
        numbers = {n for n in range(64) if ticket.mask >> n & 1}
        assert mask_of(sorted(numbers)) == ticket.mask
        matches = len(numbers & drawn)
        if matches >= 2:
            count.tiers[ticket.ticket_id] = 7 - matches
            owners[ticket.ticket_id] = ticket.user_id
    count.winners = Counter(count.tiers.values())
    for tier, pot in POTS.items():
        winners = count.winners[tier]
        count.each[tier], count.remainder[tier] = divmod(pot, winners) if winners else (0, pot)
    for tier, prize in FIXED.items():
        count.each[tier], count.remainder[tier] = prize, 0
    for ticket_id, tier in count.tiers.items():
        account = count.held if tier <= 2 else count.wallet
        account[owners[ticket_id]] += count.each[tier]
    return count


def stored(db: Database, week: Week = WEEK) -> Count:
    """What the database says that the round came to."""
    number = week.round_no
    count = Count()
    for row in db.rows("select ticket_id, tier from luckywalk.results_user where round_no = %s", number):
        count.tiers[row["ticket_id"]] = row["tier"]
    for row in db.rows("select * from luckywalk.round_tiers where round_no = %s", number):
        if row["winners_count"]:
            count.winners[row["tier"]] = row["winners_count"]
        count.each[row["tier"]] = row["prize_each"]
        count.remainder[row["tier"]] = row["remainder"]
    transfers = db.rows(
        "select user_id, credit_account, amount from ledger.transfers "
        "where debit_account = 'luckywalk.prizes' and transfer_key like %s",
        f"luckywalk/round/{number}/%",
    )
    for row in transfers:
        account = {"luckywalk.wallet": count.wallet, "luckywalk.held": count.held}[row["credit_account"]]
        account[row["user_id"]] += row["amount"]
    return count


def everything(db: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of LuckyWalk and the ledger, with the transaction that wrote them."""
    tables = db.rows(
        "select schemaname, tablename from pg_tables "
        "where schemaname in ('luckywalk', 'ledger') order by schemaname, tablename"
    )
    return {
        f"{t['schemaname']}.{t['tablename']}": db.rows(
            f"select xmin::text, t.*::text as row from {t['schemaname']}.{t['tablename']} as t order by 2"
        )
        for t in tables
    }


def assert_books_prove(db: Database) -> None:
    """Every rule of the books holds."""
    findings = db.rows('select * from ledger."check"()')
    assert findings
    assert all(finding["ok"] for finding in findings), findings
