"""LuckyWalk in the tests of all apps: two walkers, and rounds in every state."""

from __future__ import annotations

from tests.harness.apps import AppTests, Call
from tests.harness.databases import Database
from tests.harness.people import Person, admin, walker
from tests.hostile.inputs import ANY_TEXT, ARRAY_LITERAL, INTEGER_AS_TEXT
from tests.luckywalk.weeks import (
    LOSING,
    WEEK,
    WINNING,
    buy,
    draw_week,
    open_week,
    settle_week,
    walk,
)

# The rounds of a filled database: settled; corrected, so that it waits to be drawn again; open.
SETTLED, CORRECTED, OPEN = WEEK, WEEK.next, WEEK.next.next
ONE, TWO = walker(1), walker(2)
# How far the round has to be for an RPC: 1 its closing time has come, 2 closed, 3 numbers entered,
# 4 drawn, 5 to be settled.
STAGES = {
    "close_round": 1,
    "enter_draw_result": 2,
    "my_ticket_proof": 2,
    "draw_round": 3,
    "correct_draw_result": 4,
    "settle_round": 5,
}
QUICK = "No numbers are a quick pick."
NONE = "No such round has no tickets of the caller; the answer is an empty list."


def fill(db: Database) -> None:
    """Two has won and One has not; both have won in the corrected round; in the open one Two has a ticket."""
    _profiles(db)
    open_week(db, SETTLED)
    buy(db, ONE, LOSING)
    buy(db, TWO, WINNING)
    draw_week(db, SETTLED)
    settle_week(db, SETTLED)
    open_week(db, CORRECTED)
    for person in (ONE, TWO):
        buy(db, person, WINNING)
    draw_week(db, CORRECTED)
    corrected = {"round_no": CORRECTED.round_no, "numbers": LOSING, "reason": "Read wrongly."}
    _must(db, admin, "correct_draw_result", **corrected)
    open_week(db, OPEN)
    buy(db, TWO, WINNING)
    walk(db, ONE, 3500)


def ready(db: Database, rpc: str) -> None:
    """A ticket each, and the round as far as the RPC needs it."""
    open_week(db)
    db.clock(WEEK.at(3, "12:00"))
    _profiles(db)
    for person in (ONE, TWO):
        _must(db, person, "report_steps", steps=9_000)
        _must(db, person, "claim_steps", threshold=3000)
    stage = STAGES.get(rpc, 0)
    if stage >= 1:
        db.clock(WEEK.closes_at)
    if stage >= 2:
        _must(db, admin, "close_round", round_no=WEEK.round_no)
        db.clock(WEEK.draws_at)
    if stage >= 3:
        _must(db, admin, "enter_draw_result", round_no=WEEK.round_no, numbers=WINNING)
    if stage >= 4:
        _must(db, admin, "draw_round", round_no=WEEK.round_no)
    if stage >= 5:
        db.clock(WEEK.settles_at)


def _profiles(db: Database) -> None:
    for person in (ONE, TWO):
        _must(db, person, "save_walker_profile", nickname=person.name)


def _must(db: Database, person: Person, rpc: str, **arguments: object) -> None:
    answer = db.call(person, rpc, **arguments)
    assert answer.ok, answer


TESTS = AppTests(
    fill=fill,
    ready=ready,
    calls={
        "claim_steps": Call({"threshold": 1000}, to_administrator="not_enough_steps"),
        "report_steps": Call({"steps": 5000}),
        "my_walker_profile": Call(to_administrator="walker_profile_not_found"),
        "my_ticket_proof": Call(says="ticket_not_found"),
        "correct_draw_result": Call({"numbers": LOSING}, says="round_already_settled"),
    },
    samples={"round_no": WEEK.round_no, "numbers": WINNING},
    found={"ticket_id": f"select ticket_id from luckywalk.tickets where user_id = '{ONE.user_id}' limit 1"},
    later=("select luckywalk.make_partitions()", "select luckywalk.create_new_round()"),
    secrets=("select ticket_id::text from luckywalk.tickets",),
    accepted={
        ("claim_steps", "numbers"): {"null": QUICK, "missing": QUICK, **ARRAY_LITERAL},
        ("correct_draw_result", "numbers"): ARRAY_LITERAL,
        ("correct_draw_result", "reason"): ANY_TEXT,
        ("enter_draw_result", "numbers"): ARRAY_LITERAL,
        ("my_tickets", "round_no"): {
            "null": NONE,
            "zero": NONE,
            "minus one": NONE,
            "minus zero": NONE,
            "the smallest int4": NONE,
            "the largest int4": NONE,
            **INTEGER_AS_TEXT,
        },
        ("report_steps", "steps"): {
            "zero": "Nobody has walked yet.",
            "minus zero": "That is zero.",
            **INTEGER_AS_TEXT,
        },
        ("save_walker_profile", "nickname"): ANY_TEXT,
    },
    # The view of rounds shows winning numbers as its reader.
    functions={"mask_to_numbers": "126"},
    forbidden=(
        f"insert into luckywalk.tickets values (gen_random_uuid(), auth.uid(), {OPEN.round_no}, 126, now())",
        f"insert into luckywalk.tickets_{OPEN.round_no} "
        f"values (gen_random_uuid(), auth.uid(), {OPEN.round_no}, 126, now())",
        "update luckywalk.tickets set user_id = auth.uid()",
        "update luckywalk.daily_progress set steps = 20000",
        f"insert into luckywalk.results_user values (auth.uid(), {SETTLED.round_no}, gen_random_uuid(), 1)",
        "update luckywalk.rounds set winning_mask = 126",
        f"insert into luckywalk.draw_results values ({OPEN.round_no}, 1, 126, null, 'me', now())",
        "select luckywalk.claim(auth.uid(), current_date, 'steps', 1000, 126)",
        f"select luckywalk.redeem_banked_claims({OPEN.round_no})",
        f"select luckywalk.settle_due_round({SETTLED.round_no})",
        "select luckywalk.draw_apply_results()",
        "select luckywalk.create_new_round()",
        f"select luckywalk.score_tickets({SETTLED.round_no}, 126)",
        "select jobs.set_enabled('draw_apply_results', false)",
        "truncate luckywalk.tickets",
    ),
    likely={
        "schema/luckywalk/": ("tests/luckywalk/test_constraints.py", "tests/luckywalk/test_nulls.py"),
        "functions/luckywalk/settings": ("tests/luckywalk/test_setting_bounds.py",),
    },
)
