"""A round goes scheduled, open, closed, drawn, settled: one step at a time, none before its time.

Tried as the owner, by hand, past every function: what the database still refuses, nothing can bypass.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.people import walker
from tests.luckywalk.weeks import (
    LOSING,
    SECOND,
    WEEK,
    WINNING,
    Week,
    buy,
    close_week,
    draw_week,
    enter,
    open_week,
    settle_week,
)

STATES = ["scheduled", "open", "closed", "drawn", "settled"]
# A round in each state, and one whose numbers are entered but not drawn.
ROUNDS = {state: Week(1153 + place) for place, state in enumerate(reversed(STATES))}
LONG_AFTER = "2030-01-01 00:00"

# What each state lets its next step write; all else is frozen.
SEAL = {"ticket_count", "seal_root", "closed_at"}
DRAW = {"result_no", "winning_mask", "drawn_result_no", "drawn_at", "winners_count"}
PAYMENT = {"settled_at", "paid", "remainder"}
MAY_CHANGE = {"scheduled": set(), "open": SEAL, "closed": DRAW, "drawn": DRAW | PAYMENT, "settled": set()}

OTHER_VALUE = {
    "integer": "coalesce({0}, 0) + 1",
    "smallint": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "timestamp with time zone": "coalesce({0}, core.now()) + interval '1 second'",
    "bytea": "coalesce({0}, '') || '\\x00'",
}

STEP = {
    "open": "status = 'open'",
    "closed": "status = 'closed', ticket_count = 0, seal_root = '', closed_at = core.now()",
    "drawn": "status = 'drawn', result_no = 1, winning_mask = 126, drawn_result_no = 1, "
    "drawn_at = core.now(), winners_count = 0",
    "settled": "status = 'settled', settled_at = core.now(), paid = 0, remainder = 0",
}


@pytest.fixture(scope="module")
def world(module_db: Database) -> Database:
    """A database with a round in every state, long after all of their times."""
    db = module_db
    for state, week in ROUNDS.items():
        if state != "scheduled":
            open_week(db, week)
            buy(db, walker(1), WINNING, LOSING)
        if state == "closed":
            close_week(db, week)
        if state in ("drawn", "settled"):
            draw_week(db, week)
        if state == "settled":
            settle_week(db, week)
    insert_round(db, ROUNDS["scheduled"])
    db.clock(LONG_AFTER)
    stored = db.rows("select status from luckywalk.rounds order by round_no desc")
    assert [row["status"] for row in stored] == STATES
    return db


@pytest.fixture
def owner(world: Database) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """The owner by hand, in a transaction that leaves nothing."""
    with world.owner.transaction(force_rollback=True):
        world.owner.execute("set local role dotbase_owner")
        yield world.owner


def insert_round(db: Database, week: Week, status: str = "scheduled") -> None:
    db.owner.execute(
        "insert into luckywalk.rounds select (jsonb_populate_record(luckywalk.planned_round(%s), "
        "jsonb_build_object('status', %s::text))).*",
        [week.round_no, status],
    )


def refusal(
    connection: psycopg.Connection[Any], statement: str, *parameters: object
) -> tuple[str | None, str | None]:
    """SQLSTATE and name of the error with which the statement is refused."""
    with pytest.raises(psycopg.Error) as raised, connection.transaction():
        connection.execute(statement.encode(), parameters or None)
    row = connection.execute(
        "select name from core.errors where sqlstate = %s", [raised.value.sqlstate]
    ).fetchone()
    return raised.value.sqlstate, row["name"] if row else None


FORBIDDEN = [
    (a, b)
    for a, b in itertools.product(STATES, STATES)
    if STATES.index(b) not in range(i := STATES.index(a), i + 2)
]


def test_sixteen_of_the_pairs_of_states_are_forbidden() -> None:
    assert len(FORBIDDEN) == 16


@pytest.mark.parametrize(("state", "to"), FORBIDDEN)
def test_no_state_is_skipped_and_none_comes_back(
    owner: psycopg.Connection[dict[str, Any]], state: str, to: str
) -> None:
    columns = STEP.get(to, f"status = '{to}'")
    for setting in (f"status = '{to}'", columns):
        refused = refusal(
            owner, f"update luckywalk.rounds set {setting} where round_no = %s", ROUNDS[state].round_no
        )
        assert refused == ("ZW014", "round_transition_forbidden")


@pytest.mark.parametrize(("state", "to"), FORBIDDEN)
def test_no_state_is_skipped_by_an_upsert(
    owner: psycopg.Connection[dict[str, Any]], state: str, to: str
) -> None:
    refused = refusal(
        owner,
        "insert into luckywalk.rounds select (luckywalk.planned_round(%s)).* "
        f"on conflict (round_no) do update set status = '{to}'",
        ROUNDS[state].round_no,
    )
    assert refused == ("ZW014", "round_transition_forbidden")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("to", ["cancelled", "", "OPEN", None])
def test_there_are_no_other_states(
    owner: psycopg.Connection[dict[str, Any]], state: str, to: str | None
) -> None:
    sqlstate, _ = refusal(
        owner, "update luckywalk.rounds set status = %s where round_no = %s", to, ROUNDS[state].round_no
    )
    assert sqlstate in ("23514", "23502")


@pytest.mark.parametrize("state", STATES[1:])
def test_a_round_begins_as_scheduled_and_no_further(
    world: Database, owner: psycopg.Connection[dict[str, Any]], state: str
) -> None:
    with pytest.raises(psycopg.Error) as raised, owner.transaction():
        insert_round(world, Week(2000), state)
    assert raised.value.sqlstate == "ZW014"


@pytest.mark.parametrize("state", STATES)
def test_a_round_is_not_made_twice(owner: psycopg.Connection[dict[str, Any]], state: str) -> None:
    sqlstate, _ = refusal(
        owner,
        "insert into luckywalk.rounds select (luckywalk.planned_round(%s)).*",
        ROUNDS[state].round_no,
    )
    assert sqlstate == "23505"


@pytest.mark.parametrize("state", STATES)
def test_no_round_is_deleted(owner: psycopg.Connection[dict[str, Any]], state: str) -> None:
    refused = refusal(owner, "delete from luckywalk.rounds where round_no = %s", ROUNDS[state].round_no)
    assert refused == ("ZW015", "round_frozen")


@pytest.mark.parametrize(
    "statement",
    [
        "truncate luckywalk.rounds cascade",
        "truncate luckywalk.draw_results",
        "delete from luckywalk.draw_results",
        "update luckywalk.draw_results set winning_mask = 126",
        "update luckywalk.draw_results set entered_by = 'nobody'",
    ],
)
def test_rounds_and_entered_results_are_not_swept_away(
    owner: psycopg.Connection[dict[str, Any]], statement: str
) -> None:
    assert refusal(owner, statement) == ("ZW015", "round_frozen")


def columns_of_rounds(owner: psycopg.Connection[dict[str, Any]]) -> dict[str, str]:
    rows = owner.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'luckywalk' and table_name = 'rounds' and column_name <> 'status'"
    ).fetchall()
    return {row["column_name"]: row["data_type"] for row in rows}


@pytest.mark.parametrize("state", STATES)
def test_what_a_state_does_not_let_its_next_step_write_is_frozen(
    owner: psycopg.Connection[dict[str, Any]], state: str
) -> None:
    columns = columns_of_rounds(owner)
    assert len(columns) == 21
    for name, data_type in columns.items():
        other = OTHER_VALUE[data_type].format(name)
        change = f"update luckywalk.rounds set {name} = {other} where round_no = {ROUNDS[state].round_no}"
        if name in MAY_CHANGE[state]:
            with owner.transaction(force_rollback=True):
                # Alone it may make no sense; together with its neighbours it is the next step.
                with contextlib.suppress(psycopg.errors.CheckViolation):
                    owner.execute(change.encode())
        else:
            assert refusal(owner, change) == ("ZW015", "round_frozen"), name


@pytest.mark.parametrize(("state", "to"), itertools.pairwise(STATES))
def test_a_step_does_not_carry_a_frozen_change_along(
    owner: psycopg.Connection[dict[str, Any]], state: str, to: str
) -> None:
    for also in ("opens_at = opens_at - interval '1 day'", "tier1_pot = tier1_pot + 1", "round_no = 3000"):
        refused = refusal(
            owner,
            f"update luckywalk.rounds set {STEP[to]}, {also} where round_no = %s",
            ROUNDS[state].round_no,
        )
        assert refused == ("ZW015", "round_frozen")


DUE = {
    "open": ("scheduled", "opens_at"),
    "closed": ("open", "closes_at"),
    "drawn": ("closed", "draws_at"),
    "settled": ("drawn", "settles_at"),
}


@pytest.mark.parametrize("to", DUE)
def test_no_step_is_taken_before_its_time_and_each_can_be_from_then_on(
    world: Database, owner: psycopg.Connection[dict[str, Any]], to: str
) -> None:
    state, column = DUE[to]
    due_at: datetime = getattr(ROUNDS[state], column)
    change = f"update luckywalk.rounds set {STEP[to]} where round_no = {ROUNDS[state].round_no}"
    for early in (due_at - timedelta(microseconds=1), due_at - SECOND, due_at - timedelta(days=30)):
        move(owner, early)
        assert refusal(owner, change) == ("ZW008", "round_not_due")
    move(owner, due_at)
    owner.execute(change.encode())


@pytest.mark.parametrize("to", DUE)
def test_a_step_brings_all_that_its_state_says(owner: psycopg.Connection[dict[str, Any]], to: str) -> None:
    state, _ = DUE[to]
    parts = STEP[to].split(", ")
    for left_out in parts[1:]:
        setting = ", ".join(part for part in parts if part != left_out)
        number = ROUNDS[state].round_no
        sqlstate, _ = refusal(owner, f"update luckywalk.rounds set {setting} where round_no = {number}")
        assert sqlstate == "23514", left_out


def test_numbers_are_not_put_in_before_draw_time(
    world: Database, owner: psycopg.Connection[dict[str, Any]]
) -> None:
    week = ROUNDS["closed"]
    change = f"update luckywalk.rounds set result_no = 1, winning_mask = 126 where round_no = {week.round_no}"
    move(owner, week.draws_at - SECOND)
    assert refusal(owner, change) == ("ZW008", "round_not_due")
    move(owner, week.draws_at)
    owner.execute(change.encode())


def test_numbers_are_not_put_into_an_open_round(owner: psycopg.Connection[dict[str, Any]]) -> None:
    number = ROUNDS["open"].round_no
    change = f"update luckywalk.rounds set result_no = 1, winning_mask = 126 where round_no = {number}"
    assert refusal(owner, change) == ("ZW015", "round_frozen")


def test_a_corrected_round_is_not_settled_before_it_is_drawn_again(
    owner: psycopg.Connection[dict[str, Any]],
) -> None:
    number = ROUNDS["drawn"].round_no
    owner.execute(
        f"update luckywalk.rounds set result_no = 2, winning_mask = 126 where round_no = {number}".encode()
    )
    sqlstate, _ = refusal(owner, f"update luckywalk.rounds set {STEP['settled']} where round_no = {number}")
    assert sqlstate == "23514"


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "dotbase_cron"])
@pytest.mark.parametrize(
    "statement",
    [
        "update luckywalk.rounds set status = 'settled'",
        "delete from luckywalk.rounds",
        "truncate luckywalk.rounds",
        "insert into luckywalk.rounds (round_no) values (1)",
        "update api.rounds set status = 'settled'",
    ],
)
def test_who_is_not_the_owner_does_not_even_get_that_far(
    owner: psycopg.Connection[dict[str, Any]], role: str, statement: str
) -> None:
    owner.execute(f"set local role {role}".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
        owner.execute(statement.encode())
    owner.execute("set local role dotbase_owner")


def move(connection: psycopg.Connection[Any], at: datetime) -> None:
    connection.execute("reset role")
    connection.execute("update test_clock.moved_clock set moved_to = %s", [at])
    connection.execute("set local role dotbase_owner")


def test_entering_numbers_moves_no_state(db: Database) -> None:
    open_week(db)
    close_week(db)
    enter(db)
    assert db.value("select status from luckywalk.rounds where round_no = %s", WEEK.round_no) == "closed"
