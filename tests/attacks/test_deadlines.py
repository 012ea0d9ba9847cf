"""Deadlines: to be still inside, in a transaction begun before closing, when the numbers are known.

In real time, where the transaction's own clock stands still.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import Connection, errors

from tests.attacks.attacker import ME, Attacker
from tests.harness.databases import Database

THIS_WEEK = "luckywalk.round_no_of_day(core.business_day())"
# A round of this week that closes now, drawn and settled long after.
CLOSING_NOW = f"""
insert into luckywalk.rounds (
    round_no, status, opens_at, closes_at, draws_at, settles_at,
    tier1_pot, tier2_pot, tier3_prize, tier4_prize, tier5_prize
)
select p.round_no, p.status, now() - interval '6 days', clock_timestamp() + %s,
    now() + interval '1 hour', now() + interval '2 hours', 1000000, 500000, 50, 10, 5
from luckywalk.planned_round({THIS_WEEK}) as p
"""


@pytest.fixture
def early(db: Database) -> Iterator[Attacker]:
    """A walker with steps, in a transaction that is begun."""
    db.clock(None)
    with db.server.connect(db.name, user="authenticator") as connection, connection.transaction():
        connection.execute("set local role authenticated")
        attacker = Attacker(connection)
        attacker.claims(ME.claims)
        attacker.runs("select * from api.report_steps(10000)")
        yield attacker


def closing(db: Database, after: str) -> int:
    db.owner.execute(CLOSING_NOW.encode(), [after])
    return int(db.value(f"select {THIS_WEEK}"))


def claimed(attacker: Attacker, threshold: int) -> tuple[int, bool]:
    numbers = "array[3, 9, 17, 28, 33, 41]"
    [row] = attacker.runs(f"select round_no, is_banked from api.claim_steps({threshold}, {numbers})")
    return row[0], row[1]


def test_a_walker_wants_a_ticket_in_a_round_that_closed_after_he_began(db: Database, early: Attacker) -> None:
    """No session of the week made the round yet, and his own clock says that it is still open."""
    closed = closing(db, "0")
    assert claimed(early, 1000) == (closed + 1, True)
    assert db.value("select status from luckywalk.rounds") == "scheduled"


def test_a_walker_wants_to_hold_a_round_open_until_he_knows_its_numbers(
    db: Database, early: Attacker
) -> None:
    """His first claim keeps the closing out; the second must not come in by that."""
    round_no = closing(db, "300 milliseconds")
    assert claimed(early, 1000) == (round_no, False)
    db.owner.execute("select pg_sleep_until(closes_at) from luckywalk.rounds")
    with pytest.raises(errors.LockNotAvailable):
        close_at_once(db.owner)
    assert claimed(early, 2000) == (round_no + 1, True)
    early.runs("commit")
    close_at_once(db.owner)
    assert db.rows("select total_tickets, status from luckywalk.rounds") == [
        {"total_tickets": 1, "status": "closed"}
    ]
    assert db.value("select max(created_at) < max(closes_at) from luckywalk.tickets, luckywalk.rounds")


def close_at_once(owner: Connection[dict[str, object]]) -> None:
    with owner.transaction():
        owner.execute("set local lock_timeout = '50 ms'")
        owner.execute("select luckywalk.close_due_rounds()")
