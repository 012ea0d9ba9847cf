"""The moment at which an RPC works: a round in the state that it is for, and somebody to call it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.databases import Database
from tests.harness.people import Person, admin, walker
from tests.luckywalk.weeks import Week, open_week

WEEK = Week(1153)
WINNING = [3, 11, 19, 27, 35, 43]
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
EVERYBODY = ["service_role", "administrator", "signature"]
SLOT = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


def ready(db: Database, rpc: str) -> Mapping[str, str]:
    """Bring the round there; values that are known only then, as JSON text by argument."""
    open_week(db)
    db.clock(WEEK.at(3, "12:00"))
    for number in (1, 2):
        _must(db, walker(number), "save_walker_profile", nickname=f"walker {number}")
        _must(db, walker(number), "report_steps", steps=9_000)
        _must(db, walker(number), "claim_steps", threshold=3000)
    stage = STAGES.get(rpc, 0)
    if stage >= 1:
        db.clock(WEEK.closes_at)
    if stage >= 2:
        _must(db, admin, "close_round", round_no=1153)
        db.clock(WEEK.draws_at)
    if stage >= 3:
        _must(db, admin, "enter_draw_result", round_no=1153, numbers=WINNING)
    if stage >= 4:
        _must(db, admin, "draw_round", round_no=1153)
    if stage >= 5:
        db.clock(WEEK.settles_at)
    # No job of the apps may be triggered from outside yet: this one may, by everybody with a proof.
    db.owner.execute(
        "update jobs.jobs set triggered_by = %s where job_name = 'create_new_round'", [EVERYBODY]
    )
    ticket = db.value("select ticket_id from luckywalk.tickets where user_id = %s", walker(1).user_id)
    slot = db.value("select to_char(core.now() at time zone 'UTC', %s)", SLOT)
    return {"ticket_id": f'"{ticket}"', "job": '"create_new_round"', "slot": f'"{slot}"'}


def _must(db: Database, person: Person, rpc: str, **arguments: object) -> None:
    answer = db.call(person, rpc, **arguments)
    assert answer.ok, answer
