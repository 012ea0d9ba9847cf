"""What is frozen of a round stays as it is: times, prizes, what was published, what was paid."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import psycopg
import pytest

from tests.luckywalk.by_hand import ROUNDS, STATES, STEP, refusal

# What each state lets its next step write; all else is frozen.
SEAL = {"total_tickets", "seal_root", "closed_at"}
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
            # Alone it may make no sense; together with its neighbours it is the next step.
            with contextlib.suppress(psycopg.errors.CheckViolation), owner.transaction(force_rollback=True):
                owner.execute(change.encode())
        else:
            assert refusal(owner, change) == ("ZW015", "round_frozen"), name


@pytest.mark.parametrize(("state", "to"), list(itertools.pairwise(STATES)))
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


def test_numbers_are_not_put_into_an_open_round(owner: psycopg.Connection[dict[str, Any]]) -> None:
    number = ROUNDS["open"].round_no
    change = f"update luckywalk.rounds set result_no = 1, winning_mask = 126 where round_no = {number}"
    assert refusal(owner, change) == ("ZW015", "round_frozen")
