"""Writing: a ticket more, a prize twice, a row of somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apps.luckywalk import OPEN, SETTLED
from tests.attacks.attacker import CLIENTS, ME, STRANGER, VICTIM, attacker
from tests.attacks.conftest import Attacked, first_column
from tests.harness.apps import registered
from tests.harness.declared import APPS, VIEWS
from tests.harness.people import Person, admin, anon, service
from tests.harness.refusals import assert_says
from tests.harness.target import CRON_ALONE
from tests.luckywalk.weeks import WINNING

HIM = str(VICTIM.user_id)
SMUGGLED: tuple[dict[str, Any], ...] = (
    {"user_id": HIM},
    {"sub": HIM},
    {"p_user_id": HIM, "v_user_id": HIM},
    {"round_no": OPEN.round_no},
    {"ticket_id": HIM},
    {"banked_mask": 126},
    {"steps": 100000},
    {"day": "2030-01-01"},
    {"role": "service_role"},
    {"request.jwt.claims": {"sub": HIM}},
    {"__proto__": {"user_id": HIM}},
    {"constructor": {"prototype": {}}},
    {"Threshold": 9000},
    {"threshold ": 9000},
    {"threshold\u200b": 9000},
    {"claim_steps.threshold": 9000},
    {"": 1},
    {"$1": 1},
)


@pytest.mark.parametrize("extra", SMUGGLED, ids=lambda extra: repr(next(iter(extra))))
def test_a_walker_wants_more_by_a_key_that_the_rpc_does_not_have(
    extra: dict[str, Any], attacked: Attacked
) -> None:
    before = attacked.contents()
    for rpc, arguments in (
        ("claim_steps", {"threshold": 1000}),
        ("save_walker_profile", {"nickname": "attacker"}),
    ):
        answer = attacked.db.call(ME, rpc, **{**arguments, **extra})
        assert answer.code == "PGRST202", answer.body
    assert attacked.contents() == before


@pytest.mark.parametrize(
    "body",
    [
        '{"threshold": 1000, "threshold": 9000}',
        '{"threshold": 9000, "numbers": null, "numbers": [1, 2, 3, 4, 5, 6]}',
        '[{"threshold": 9000}, {"threshold": 10000}]',
        '{"threshold": [1000, 9000]}',
        '{"threshold": {"valueOf": 9000}}',
        '{"threshold": "9000"}',
        '{"threshold": 9000.4}',
        '{"threshold": null}',
    ],
)
def test_a_walker_wants_a_ticket_beyond_his_steps_by_an_odd_body(body: str, attacked: Attacked) -> None:
    """He walked 3,500."""
    before = attacked.contents()
    assert not attacked.db.raw_call(ME, "claim_steps", body).ok
    assert attacked.contents() == before


def test_a_person_who_gets_a_click_wants_it_to_claim_for_the_clicker(attacked: Attacked) -> None:
    """A link is a GET, and a GET writes nothing."""
    before = attacked.contents()
    for person, rpc, arguments in (
        (ME, "claim_steps", {"threshold": 1000}),
        (ME, "report_steps", {"steps": 90000}),
        (ME, "save_walker_profile", {"nickname": "clicked"}),
        (admin, "draw_round", {"round_no": OPEN.round_no}),
        (admin, "set_setting", {"name": "luckywalk.tier1_pot", "value": "9"}),
    ):
        answer = attacked.db.get(person, rpc, **arguments)
        assert (answer.status, answer.code) == (405, "read_only"), (rpc, answer)
    assert attacked.contents() == before


@pytest.mark.parametrize("person", [anon, ME, admin, service], ids=lambda person: person.name)
@pytest.mark.parametrize("view", VIEWS)
def test_a_client_wants_to_write_through_a_view(person: Person, view: str, attacked: Attacked) -> None:
    before = attacked.contents()
    column = first_column(attacked, f"api.{view}")
    row = {column: attacked.db.value(f"select {column}::text from api.{view}")}
    none: dict[str, Any] = {column: None}
    for returning in (True, False):
        for answer in (
            attacked.db.insert(person, view, none, returning=returning),
            attacked.db.insert(person, view, [row, row], returning=returning),
            attacked.db.update(person, view, row, row, returning=returning),
            attacked.db.update(person, view, row, none, returning=returning),
            attacked.db.delete(person, view, row, returning=returning),
            attacked.db.delete(person, view, none, returning=returning),
        ):
            assert answer.code == "42501", answer.body
    assert attacked.contents() == before


@pytest.mark.parametrize("role", [*CLIENTS, "authenticator", *CRON_ALONE, STRANGER])
@pytest.mark.parametrize("schemas", ["as they are", "open"])
def test_an_attacker_wants_tickets_prizes_and_switches_by_plain_sql(
    role: str, schemas: str, attacked: Attacked
) -> None:
    login, switched = ("authenticator", role) if role in CLIENTS else (role, None)
    slips = [f"grant usage on schema {app} to public" for app in (*APPS, "auth")] if schemas == "open" else []
    with attacker(attacked.db, login, switched, ME.claims, slips) as t:
        t.is_refused(*(statement for said in registered().values() for statement in said.forbidden))


def test_a_walker_wants_his_prize_twice(attacked: Attacked) -> None:
    before = attacked.contents()
    answer = attacked.db.call(admin, "settle_round", round_no=SETTLED.round_no)
    assert answer.ok
    assert_says(
        attacked.db.call(
            admin,
            "correct_draw_result",
            round_no=SETTLED.round_no,
            numbers=[1, 2, 3, 4, 5, 6],
            reason="His friend.",
        ),
        "round_already_settled",
    )
    assert attacked.contents() == before


def test_an_administrator_wants_a_bigger_pot_for_the_round_he_plays_in(attacked: Attacked) -> None:
    with attacker(attacked.db, "authenticator", "authenticated", admin.claims) as t:
        t.runs("select * from api.set_setting('luckywalk.tier1_pot', '9000000000')")
        assert t.runs("select tier1_pot from api.rounds where round_no = %s", OPEN.round_no) == [(1_000_000,)]
        for rpc in ("close_round", "settle_round"):
            assert t.tries(f"select * from api.{rpc}({OPEN.round_no})") in (
                "round_not_due",
                "round_not_drawn",
            )
        assert t.tries(f"select * from api.draw_round({OPEN.round_no})") == "round_not_closed"


def test_an_administrator_wants_to_draw_his_friends_numbers_while_tickets_are_sold(
    attacked: Attacked,
) -> None:
    before = attacked.contents()
    for rpc, more in (("enter_draw_result", {}), ("correct_draw_result", {"reason": "His friend."})):
        answer = attacked.db.call(admin, rpc, round_no=OPEN.round_no, numbers=WINNING, **more)
        assert_says(answer, "round_not_closed")
    assert attacked.contents() == before
