"""Tickets are added to an open round only and never changed: not by the owner, not by any path."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.target import CRON_ALONE, OWNER
from tests.luckywalk.by_hand import ROUNDS, waits_for
from tests.luckywalk.merkle import root_of, tickets_of
from tests.luckywalk.weeks import WEEK, Week, buy, job, open_week

OPEN, CLOSED, DRAWN, SETTLED = (ROUNDS[state] for state in ("open", "closed", "drawn", "settled"))
ADD = (
    "insert into {} (ticket_id, user_id, round_no, mask, created_at) "
    "values (gen_random_uuid(), gen_random_uuid(), {}, 126, core.now())"
)
CHANGES = [
    "update {} set mask = 252",
    "update {} set user_id = gen_random_uuid()",
    "update {} set round_no = round_no + 1",
    "delete from {}",
    "delete from {} where false",
    "truncate {}",
    "truncate {} cascade",
    "merge into {} as t using (select 1) as s on true when matched then delete",
]


def assert_sealed(connection: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(psycopg.Error) as raised, connection.transaction():
        connection.execute(statement.encode())
    assert raised.value.sqlstate == "ZW017", raised.value


def rpcs_to(week: Week) -> list[str]:
    """The parent and the round's own partition."""
    return ["luckywalk.tickets", f"luckywalk.tickets_{week.round_no}"]


@pytest.mark.parametrize("week", [CLOSED, DRAWN, SETTLED])
def test_no_ticket_is_added_to_a_round_that_is_not_open(owner: psycopg.Connection[Any], week: Week) -> None:
    for table in rpcs_to(week):
        assert_sealed(owner, ADD.format(table, week.round_no))


@pytest.mark.parametrize("week", [CLOSED, DRAWN, SETTLED])
def test_no_ticket_is_copied_into_a_round_that_is_not_open(
    owner: psycopg.Connection[Any], week: Week
) -> None:
    line = f"{walker(1).user_id}\t{walker(1).user_id}\t{week.round_no}\t126\t2025-01-01\n"
    for table in rpcs_to(week):
        copying = f"copy {table} from stdin".encode()
        with (
            pytest.raises(psycopg.Error) as raised,
            owner.transaction(),
            owner.cursor().copy(copying) as copy,
        ):
            copy.write(line)
        assert raised.value.sqlstate == "ZW017"


def test_one_ticket_for_a_closed_round_refuses_all_that_come_with_it(owner: psycopg.Connection[Any]) -> None:
    assert_sealed(
        owner,
        "insert into luckywalk.tickets (ticket_id, user_id, round_no, mask, created_at) "
        "select gen_random_uuid(), gen_random_uuid(), r, 126, core.now() "
        f"from unnest(array[{OPEN.round_no}, {OPEN.round_no}, {CLOSED.round_no}]) as r",
    )


def test_no_ticket_is_added_to_a_round_that_never_opened(owner: psycopg.Connection[Any]) -> None:
    """Whether its partition was made ahead or not."""
    assert_sealed(owner, ADD.format("luckywalk.tickets", ROUNDS["scheduled"].round_no))
    with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():
        owner.execute(ADD.format("luckywalk.tickets", ROUNDS["scheduled"].round_no + 100).encode())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("week", [OPEN, CLOSED, DRAWN, SETTLED])
def test_no_ticket_is_changed_or_removed(owner: psycopg.Connection[Any], week: Week, change: str) -> None:
    for table in rpcs_to(week):
        assert_sealed(owner, change.format(table))


def test_every_partition_has_both_guards(every_state: Database) -> None:
    guarded = every_state.rows(
        "select t.relid::regclass::text as name, array_agg(g.tgname::text order by g.tgname) as guards "
        "from pg_partition_tree('luckywalk.tickets') as t "
        "left join pg_trigger as g on g.tgrelid = t.relid and g.tgenabled = 'O' and not g.tgisinternal "
        "group by t.relid"
    )
    assert len(guarded) >= 5
    for row in guarded:
        assert row["guards"] == ["tickets_are_added_to_open_rounds", "tickets_are_immutable"], row["name"]


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", *CRON_ALONE])
@pytest.mark.parametrize("statement", ["select from {}", ADD, *CHANGES])
def test_nobody_else_reaches_the_tickets_at_all(
    owner: psycopg.Connection[Any], role: str, statement: str
) -> None:
    owner.execute(f"set local role {role}".encode())
    for table in rpcs_to(OPEN):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
            owner.execute(statement.format(table, OPEN.round_no).encode())
    owner.execute(f"set local role {OWNER}".encode())


def test_a_ticket_added_by_hand_is_committed_before_its_round_is_sealed(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), None)
    db.clock(WEEK.closes_at)
    done = threading.Event()

    def close() -> None:
        job(db, "close_round")
        done.set()

    closing = threading.Thread(target=close)
    with db.server.connect(db.name) as by_hand:
        by_hand.execute("begin")
        by_hand.execute(ADD.format("luckywalk.tickets", WEEK.round_no).encode())
        closing.start()
        assert waits_for(db, by_hand, unless=done.is_set)
        assert not done.is_set()
        by_hand.execute("commit")
    closing.join(timeout=30)
    assert done.is_set()
    (sealed,) = db.rows("select total_tickets, seal_root from luckywalk.rounds")
    tickets = tickets_of(db, WEEK)
    assert sealed == {"total_tickets": 2, "seal_root": root_of(tickets)}
    assert len(tickets) == 2


def test_a_ticket_is_added_by_hand_in_read_committed_only(every_state: Database) -> None:
    with every_state.server.connect(every_state.name) as by_hand:
        by_hand.execute("begin isolation level repeatable read")
        with pytest.raises(psycopg.Error) as raised:
            by_hand.execute(ADD.format("luckywalk.tickets", OPEN.round_no).encode())
        assert raised.value.sqlstate == "ZC008"
