"""A round goes scheduled, open, closed, drawn, settled: one step at a time, none before its time.

Tried as the owner, by hand, past every function: what the database still refuses, nothing can bypass.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.target import CRON_ALONE, OWNER
from tests.luckywalk.by_hand import ROUNDS, STATES, STEP, insert_round, move, refusal
from tests.luckywalk.weeks import SECOND, WEEK, Week, close_week, enter, open_week

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
    every_state: Database, owner: psycopg.Connection[dict[str, Any]], state: str
) -> None:
    with pytest.raises(psycopg.Error) as raised, owner.transaction():
        insert_round(every_state, Week(2000), state)
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


DUE = {
    "open": ("scheduled", "opens_at"),
    "closed": ("open", "closes_at"),
    "drawn": ("closed", "draws_at"),
    "settled": ("drawn", "settles_at"),
}


@pytest.mark.parametrize("to", DUE)
def test_no_step_is_taken_before_its_time_and_each_can_be_from_then_on(
    owner: psycopg.Connection[dict[str, Any]], to: str
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
    owner: psycopg.Connection[dict[str, Any]],
) -> None:
    week = ROUNDS["closed"]
    change = f"update luckywalk.rounds set result_no = 1, winning_mask = 126 where round_no = {week.round_no}"
    move(owner, week.draws_at - SECOND)
    assert refusal(owner, change) == ("ZW008", "round_not_due")
    move(owner, week.draws_at)
    owner.execute(change.encode())


def test_a_corrected_round_is_not_settled_before_it_is_drawn_again(
    owner: psycopg.Connection[dict[str, Any]],
) -> None:
    number = ROUNDS["drawn"].round_no
    owner.execute(
        f"update luckywalk.rounds set result_no = 2, winning_mask = 126 where round_no = {number}".encode()
    )
    sqlstate, _ = refusal(owner, f"update luckywalk.rounds set {STEP['settled']} where round_no = {number}")
    assert sqlstate == "23514"


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", *CRON_ALONE])
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
    owner.execute(f"set local role {OWNER}".encode())


def test_entering_numbers_moves_no_state(db: Database) -> None:
    open_week(db)
    close_week(db)
    enter(db)
    assert db.value("select status from luckywalk.rounds where round_no = %s", WEEK.round_no) == "closed"
