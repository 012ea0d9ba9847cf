"""Writing: a ticket more, a prize twice, a row of somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.conftest import OPEN, SETTLED, Town
from tests.attacks.thief import CLIENTS, ME, STRANGER, VICTIM, thief
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
STEALING = (
    "insert into luckywalk.tickets values (gen_random_uuid(), auth.uid(), 1155, 126, now())",
    f"insert into luckywalk.tickets_{OPEN.round_no} values (gen_random_uuid(), auth.uid(), 1155, 126, now())",
    "update luckywalk.tickets set user_id = auth.uid()",
    "update luckywalk.daily_progress set steps = 20000",
    "insert into luckywalk.results_user values (auth.uid(), 1153, gen_random_uuid(), 1)",
    "update luckywalk.rounds set winning_mask = 126",
    "insert into luckywalk.draw_results values (1155, 1, 126, null, 'me', now())",
    "insert into ledger.transfers values (auth.uid(), 'x', 'luckywalk.prizes', 'luckywalk.wallet', 1, now())",
    "update ledger.balances set balance = 1000000",
    "update core.settings set value = '9000000'",
    "delete from core.errors",
    "update jobs.switch set live = false",
    "update jobs.jobs set routine = 'public.mine'",
    "select ledger.post(auth.uid(), 'x', 'luckywalk.prizes', 'luckywalk.wallet', 1000000)",
    "select ledger.post_many('{}')",
    "select ledger.post_from('luckywalk.prize_orders', 1153)",
    "select luckywalk.claim(auth.uid(), current_date, 'steps', 1000, 126)",
    "select luckywalk.redeem_banked_claims(1155)",
    "select luckywalk.settle_due_round(1153)",
    "select luckywalk.draw_apply_results()",
    "select luckywalk.create_new_round()",
    "select luckywalk.score_tickets(1153, 126)",
    "select jobs.set_enabled('draw_apply_results', false)",
    "select jobs.set_live(false)",
    "select core.set_secret('x', 'y')",
    "select core.build_wrappers('core', '{}')",
    "select core.declare_settings('core', '[]')",
    "truncate luckywalk.tickets",
    "truncate ledger.transfers",
)


@pytest.mark.parametrize("extra", SMUGGLED, ids=lambda extra: repr(next(iter(extra))))
def test_a_walker_wants_more_by_a_key_that_the_rpc_does_not_have(extra: dict[str, Any], town: Town) -> None:
    before = town.loot()
    for rpc, arguments in (
        ("claim_steps", {"threshold": 1000}),
        ("save_walker_profile", {"nickname": "thief"}),
    ):
        answer = town.db.call(ME, rpc, **{**arguments, **extra})
        assert answer.code == "PGRST202", answer.body
    assert town.loot() == before


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
def test_a_walker_wants_a_ticket_beyond_his_steps_by_an_odd_body(body: str, town: Town) -> None:
    """He walked 3,500."""
    before = town.loot()
    assert not town.db.raw_call(ME, "claim_steps", body).ok
    assert town.loot() == before


def test_a_person_who_gets_a_click_wants_it_to_claim_for_the_clicker(town: Town) -> None:
    """A link is a GET, and a GET writes nothing."""
    before = town.loot()
    for person, rpc, arguments in (
        (ME, "claim_steps", {"threshold": 1000}),
        (ME, "report_steps", {"steps": 90000}),
        (ME, "save_walker_profile", {"nickname": "clicked"}),
        (admin, "draw_round", {"round_no": OPEN.round_no}),
        (admin, "set_setting", {"name": "luckywalk.tier1_pot", "value": "9"}),
    ):
        answer = town.db.get(person, rpc, **arguments)
        assert (answer.status, answer.code) == (405, "read_only"), (rpc, answer)
    assert town.loot() == before


@pytest.mark.parametrize("person", [anon, ME, admin, service], ids=lambda person: person.name)
@pytest.mark.parametrize("view", ["rounds", "round_tiers"])
def test_a_client_wants_to_write_through_a_view(person: Person, view: str, town: Town) -> None:
    before = town.loot()
    row = {"round_no": OPEN.round_no}
    for returning in (True, False):
        for answer in (
            town.db.insert(person, view, {**row, "round_no": 9999}, returning=returning),
            town.db.insert(person, view, [row, row], returning=returning),
            town.db.update(person, view, row, row, returning=returning),
            town.db.update(person, view, row, {"round_no": 9999}, returning=returning),
            town.db.delete(person, view, row, returning=returning),
            town.db.delete(person, view, {"round_no": 9999}, returning=returning),
        ):
            assert answer.code == "42501", answer.body
    assert town.loot() == before


@pytest.mark.parametrize("role", [*CLIENTS, "authenticator", *CRON_ALONE, STRANGER])
@pytest.mark.parametrize("schemas", ["as they are", "open"])
def test_a_thief_wants_tickets_prizes_and_switches_by_plain_sql(role: str, schemas: str, town: Town) -> None:
    login, switched = ("authenticator", role) if role in CLIENTS else (role, None)
    apps = ("core", "jobs", "ledger", "luckywalk", "auth")
    slips = [f"grant usage on schema {app} to public" for app in apps] if schemas == "open" else []
    with thief(town.db, login, switched, ME.claims, slips) as t:
        t.gets_nothing(*STEALING)


def test_a_walker_wants_his_prize_twice(town: Town) -> None:
    before = town.loot()
    answer = town.db.call(admin, "settle_round", round_no=SETTLED.round_no)
    assert answer.ok
    assert_says(
        town.db.call(
            admin,
            "correct_draw_result",
            round_no=SETTLED.round_no,
            numbers=[1, 2, 3, 4, 5, 6],
            reason="His friend.",
        ),
        "round_already_settled",
    )
    assert town.loot() == before


def test_an_administrator_wants_a_bigger_pot_for_the_round_he_plays_in(town: Town) -> None:
    with thief(town.db, "authenticator", "authenticated", admin.claims) as t:
        t.does("select * from api.set_setting('luckywalk.tier1_pot', '9000000000')")
        assert t.does("select tier1_pot from api.rounds where round_no = %s", OPEN.round_no) == [(1_000_000,)]
        for rpc in ("close_round", "settle_round"):
            assert t.tries(f"select * from api.{rpc}({OPEN.round_no})") in (
                "round_not_due",
                "round_not_drawn",
            )
        assert t.tries(f"select * from api.draw_round({OPEN.round_no})") == "round_not_closed"


def test_an_administrator_wants_to_draw_his_friends_numbers_while_tickets_are_sold(town: Town) -> None:
    before = town.loot()
    for rpc, more in (("enter_draw_result", {}), ("correct_draw_result", {"reason": "His friend."})):
        answer = town.db.call(admin, rpc, round_no=OPEN.round_no, numbers=WINNING, **more)
        assert_says(answer, "round_not_closed")
    assert town.loot() == before
