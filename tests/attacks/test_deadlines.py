"""Deadlines: to be still inside, in a transaction begun before closing, when the numbers are known.

In real time, where the transaction's own clock stands still.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from tests.attacks.attacker import ME, Attacker
from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.supabase import passing_role
from tests.harness.target import OWNER, SUPERUSER, only_on_postgres
from tests.luckywalk.by_hand import waits_for

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
    # Else his transaction is the first of the month, and everybody's first steps wait for its partition.
    db.owner.execute("select luckywalk.make_partitions()")
    connection = db.server.connect(db.name, user="authenticator")
    connection.execute("begin")
    connection.execute("set local role authenticated")
    attacker = Attacker(connection)
    attacker.claims(ME.claims)
    attacker.runs("select * from api.report_steps(10000)")
    yield attacker
    connection.close()


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


def close(db: Database) -> object:
    """Close the due rounds, as the job does; in a session of its own."""
    with db.server.connect(db.name) as connection:
        connection.execute(f"set role {OWNER}".encode())
        row = connection.execute("select luckywalk.close_due_rounds()").fetchone()
    assert row is not None
    return row[0]["rounds"]


def waiting_for(db: Database, seconds: int) -> None:
    """How long closing waits for claims under way."""
    db.owner.execute("select core.set_setting('luckywalk.closing_wait_seconds', %s)", [str(seconds)])


def until_closing_time(db: Database) -> None:
    db.owner.execute("select pg_sleep_until(closes_at) from luckywalk.rounds")


def result(db: Database) -> dict[str, object]:
    claims = "(select count(*) from luckywalk.claims) as claims"
    [row] = db.rows(f"select status, total_tickets, {claims} from luckywalk.rounds")
    return row


def test_a_walker_wants_to_hold_a_round_open_until_he_knows_its_numbers(
    db: Database, early: Attacker
) -> None:
    """His first claim keeps the closing out for a moment; the second must not come in by that."""
    round_no = closing(db, "300 milliseconds")
    waiting_for(db, 30)
    assert claimed(early, 1000) == (round_no, False)
    until_closing_time(db)
    with ThreadPoolExecutor(1) as pool:
        closed = pool.submit(close, db)
        assert waits_for(db, early.connection, unless=closed.done)
        assert claimed(early, 2000) == (round_no + 1, True)
        time.sleep(1)  # less than closing waits
        early.runs("commit")
        assert closed.result(timeout=30) == [round_no]
    assert result(db) == {"status": "closed", "total_tickets": 1, "claims": 2}
    assert db.value("select max(created_at) < max(closes_at) from luckywalk.tickets, luckywalk.rounds")


# What he does after his claim, to come back to it.
WAYS = {
    "an open transaction": (),
    "a savepoint": ("savepoint undecided", "select * from api.claim_steps(2000)", "savepoint again"),
    "a savepoint that he went back to": (
        "savepoint undecided",
        "select * from api.claim_steps(2000)",
        "rollback to savepoint undecided",
    ),
    "no time limits": (
        "set lock_timeout = 0",
        "set statement_timeout = 0",
        "set idle_in_transaction_session_timeout = 0",
    ),
    "an open cursor": (
        "declare undecided cursor with hold for select * from api.claim_steps(2000)",
        "fetch 1 from undecided",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_walker_wants_to_decide_when_the_numbers_are_known(way: str, db: Database, early: Attacker) -> None:
    """Fault 47. A claim an account, none of them committed; the winner would be, after the draw."""
    round_no = closing(db, "300 milliseconds")
    waiting_for(db, 1)
    assert claimed(early, 1000) == (round_no, False)
    for statement in WAYS[way]:
        early.runs(statement)
    until_closing_time(db)
    assert close(db) == [round_no]
    with pytest.raises(psycopg.OperationalError):
        early.runs("commit")
    assert early.connection.closed
    assert result(db) == {"status": "closed", "total_tickets": 0, "claims": 0}


def test_a_walker_wants_a_claim_that_is_made_by_the_commit_itself(db: Database, early: Attacker) -> None:
    """Fault 47. A cursor that is held runs its query when the transaction ends, and locks nothing before."""
    round_no = closing(db, "300 milliseconds")
    early.runs("declare undecided cursor with hold for select * from api.claim_steps(1000)")
    until_closing_time(db)
    assert close(db) == [round_no]
    early.runs("commit")
    assert db.rows("select round_no from luckywalk.claims") == [{"round_no": round_no + 1}]
    assert result(db) == {"status": "closed", "total_tickets": 0, "claims": 1}


def test_a_walker_wants_to_prepare_his_claim_and_to_commit_it_later(db: Database, early: Attacker) -> None:
    """Fault 47. The server does not let him, unless somebody set it so, which the doctor finds."""
    closing(db, "30 minutes")
    claimed(early, 1000)
    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        early.runs("prepare transaction 'undecided'")
    early.runs("rollback")
    assert result(db)["claims"] == 0


@only_on_postgres("its logins are the platform's")
@pytest.mark.parametrize(
    "lock",
    [
        "select pg_advisory_lock(hashtext('dotbase rounds'), {})",
        "select pg_advisory_xact_lock_shared(hashtext('dotbase rounds'), {})",
    ],
)
def test_a_login_wants_to_keep_a_round_from_closing(lock: str, db: Database) -> None:
    """Fault 47. Whoever may connect may take any advisory lock; not for longer than a claim may take."""
    db.clock(None)
    round_no = closing(db, "0")
    waiting_for(db, 1)
    name, password = passing_role("holder"), secrets.token_hex(12)
    login = make_conninfo(db.server.conninfo(db.name), host="127.0.0.1", user=name, password=password)
    db.owner.execute(f"create role {name} login password '{password}'".encode())
    try:
        with psycopg.connect(login) as connection:
            connection.execute(lock.format(round_no).encode())
            assert close(db) == [round_no]
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select")
    finally:
        db.owner.execute(f"drop role {name}".encode())


def test_who_comes_while_closing_waits_is_not_ended_with_him_who_hangs(db: Database, early: Attacker) -> None:
    """Fault 47. A claim that waits behind the closing is answered, once the one that hangs is ended."""
    round_no = closing(db, "300 milliseconds")
    waiting_for(db, 2)
    other = walker(2)
    assert db.call(other, "report_steps", steps=1000).ok
    assert claimed(early, 1000) == (round_no, False)
    until_closing_time(db)
    with ThreadPoolExecutor(2) as pool:
        closed = pool.submit(close, db)
        assert waits_for(db, early.connection, unless=closed.done)
        time.sleep(0.7)
        claim = pool.submit(db.call, other, "claim_steps", threshold=1000)
        assert closed.result(timeout=30) == [round_no]
        assert claim.result(timeout=30).row["round_no"] == round_no + 1


def test_two_closings_do_not_end_each_other(db: Database) -> None:
    """Fault 47. One that has much to seal has the lock for longer than a claim may have it."""
    db.clock(None)
    round_no = closing(db, "0")
    waiting_for(db, 1)
    with ThreadPoolExecutor(1) as pool, db.server.connect(db.name) as sealing:
        sealing.execute(f"set role {OWNER}".encode())
        with sealing.transaction():
            sealing.execute("select luckywalk.close_due_round(%s)", [round_no])
            second = pool.submit(close, db)
            time.sleep(2.5)  # the second has looked twice for whom to end
            assert not second.done()
            sealing.execute("select")
        assert second.result(timeout=30) == []
    assert result(db)["status"] == "closed"


def test_who_may_not_be_ended_is_named(db: Database) -> None:
    """Fault 47. A superuser's session is for a superuser to end; the round stays open and the job fails."""
    db.clock(None)
    round_no = closing(db, "0")
    waiting_for(db, 1)
    with db.server.connect(db.name, user=SUPERUSER) as holder, holder.transaction():
        holder.execute("select luckywalk.lock_round(%s, false)", [round_no])
        with pytest.raises(errors.LockNotAvailable) as caught:
            close(db)
        pid = holder.info.backend_pid
    assert caught.value.diag.message_primary == (
        f"round {round_no} cannot be closed: session {pid} of {SUPERUSER} has its lock"
    )
    assert caught.value.diag.message_hint == f"let a superuser run: select pg_terminate_backend({pid})"
    assert close(db) == [round_no]
