"""Every declared error of LuckyWalk is reached through the RPC or routine that raises it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml

from tests.harness.databases import Database
from tests.harness.people import admin, walker
from tests.harness.responses import Response
from tests.harness.server import ROOT
from tests.luckywalk.by_hand import ROUNDS, STATES, make_rounds
from tests.luckywalk.weeks import LOSING, WINNING, buy, partitions_ahead, walk

DECLARED: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "functions/luckywalk/errors.yaml").read_text())
NUMBER = {state: week.round_no for state, week in ROUNDS.items()}
NOWHERE = 999_999


def round_not_due(db: Database) -> Response:
    partitions_ahead(db)
    claims = buy(db, walker(3), None)
    return db.call(admin, "close_round", round_no=claims[0]["round_no"])


def not_enough_steps(db: Database) -> Response:
    walk(db, walker(4), 999)
    return db.call(walker(4), "claim_steps", threshold=1000)


def round_not_closed(db: Database) -> Response:
    return db.call(admin, "enter_draw_result", round_no=NUMBER["open"], numbers=WINNING)


def corrected(db: Database, state: str, reason: str | None = "typing error") -> Response:
    return db.call(admin, "correct_draw_result", round_no=NUMBER[state], numbers=LOSING, reason=reason)


def prizes_do_not_add_up(db: Database) -> Response:
    """After a slip of the owner's, which is taken back."""
    slip = "update luckywalk.round_tiers set remainder = remainder + %s where round_no = %s and tier = 1"
    db.owner.execute(slip.encode(), [1, NUMBER["drawn"]])
    try:
        return db.call(admin, "settle_round", round_no=NUMBER["drawn"])
    finally:
        db.owner.execute(slip.encode(), [-1, NUMBER["drawn"]])


AT_RPCS: dict[str, Callable[[Database], Response]] = {
    "walker_profile_not_found": lambda db: db.call(walker(2), "my_walker_profile"),
    "walker_nickname_invalid": lambda db: db.call(walker(2), "save_walker_profile", nickname=" "),
    "steps_invalid": lambda db: db.call(walker(2), "report_steps", steps=-1),
    "step_threshold_invalid": lambda db: db.call(walker(2), "claim_steps", threshold=1),
    "not_enough_steps": not_enough_steps,
    "lottery_numbers_invalid": lambda db: db.call(walker(2), "claim_steps", threshold=1000, numbers=[1]),
    "round_not_found": lambda db: db.call(admin, "enter_draw_result", round_no=NOWHERE, numbers=WINNING),
    "round_not_due": round_not_due,
    "round_not_closed": round_not_closed,
    "winning_numbers_not_set": lambda db: db.call(admin, "draw_round", round_no=NUMBER["closed"]),
    "winning_numbers_already_set": lambda db: db.call(
        admin, "enter_draw_result", round_no=NUMBER["drawn"], numbers=LOSING
    ),
    "round_not_drawn": lambda db: db.call(admin, "settle_round", round_no=NUMBER["closed"]),
    "round_already_settled": lambda db: corrected(db, "settled"),
    "ticket_not_found": lambda db: db.call(walker(2), "my_ticket_proof", ticket_id=uuid4()),
    "correction_reason_missing": lambda db: corrected(db, "drawn", reason=None),
    "prizes_do_not_add_up": prizes_do_not_add_up,
}

# No RPC leads there: only the owner's own hand.
BY_HAND: dict[str, str] = {
    "round_transition_forbidden": "update luckywalk.rounds set status = 'open' "
    f"where round_no = {NUMBER['closed']}",
    "round_frozen": f"update luckywalk.rounds set tier1_pot = 1 where round_no = {NUMBER['open']}",
    "tickets_sealed": "delete from luckywalk.tickets",
}


def test_every_declared_error_has_a_case_here() -> None:
    assert set(DECLARED) == set(AT_RPCS) | set(BY_HAND)
    assert not set(AT_RPCS) & set(BY_HAND)


@pytest.mark.parametrize("name", AT_RPCS)
def test_an_error_reaches_the_client_as_it_is_declared(every_state: Database, name: str) -> None:
    refused = AT_RPCS[name](every_state)
    entry = DECLARED[name]
    assert (refused.status, refused.code) == (entry["status"], name)
    assert refused.body["message"] == entry["en"]
    assert refused.body["hint"] == entry["hint"]
    assert refused.details["message_ko"] == entry["ko"]
    assert set(refused.body) == {"code", "message", "details", "hint"}


@pytest.mark.parametrize("name", BY_HAND)
def test_an_error_reaches_the_owner_as_it_is_declared(
    owner: psycopg.Connection[dict[str, Any]], name: str
) -> None:
    with pytest.raises(psycopg.Error) as raised, owner.transaction():
        owner.execute(BY_HAND[name].encode())
    entry = DECLARED[name]
    assert raised.value.sqlstate == entry["sqlstate"]
    assert raised.value.diag.message_primary == entry["en"]
    assert raised.value.diag.message_hint == entry["hint"]


ROUND_RPCS: dict[str, dict[str, object]] = {
    "enter_draw_result": {"numbers": WINNING},
    "correct_draw_result": {"numbers": WINNING, "reason": "typing error"},
    "close_round": {},
    "draw_round": {},
    "settle_round": {},
}


@pytest.mark.parametrize("rpc", ROUND_RPCS)
@pytest.mark.parametrize("round_no", [NOWHERE, -1, 0, None])
def test_every_administrators_rpc_knows_which_rounds_there_are(
    every_state: Database, rpc: str, round_no: int | None
) -> None:
    refused = every_state.call(admin, rpc, round_no=round_no, **ROUND_RPCS[rpc])
    assert (refused.status, refused.code) == (404, "round_not_found")


# What each administrator's RPC says to a round in each state, long after its times; None: it obeys.
ANSWERS = {
    "enter_draw_result": ["round_not_closed", "round_not_closed", None, None, None],
    "correct_draw_result": ["round_not_closed", "round_not_closed", "winning_numbers_not_set", None, None],
    "draw_round": ["round_not_closed", "round_not_closed", "winning_numbers_not_set", None, None],
    "settle_round": ["round_not_drawn", "round_not_drawn", "round_not_drawn", None, None],
    "close_round": [None, None, None, None, None],
}


@pytest.mark.parametrize("rpc", ANSWERS)
def test_an_rpc_answers_by_the_state_of_the_round(db: Database, rpc: str) -> None:
    make_rounds(db)
    answers = [db.call(admin, rpc, round_no=NUMBER[state], **ROUND_RPCS[rpc]).code for state in STATES]
    assert answers == ANSWERS[rpc]
