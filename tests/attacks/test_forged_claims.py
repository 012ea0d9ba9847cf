"""Forged claims: who types them himself is nobody, and what a user can edit grants nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.attacks.conftest import OPEN, SETTLED, Town
from tests.attacks.thief import ME, STRANGER, VICTIM, thief
from tests.harness.people import FAR_FUTURE, Person, admin, anon, service, signed_in
from tests.harness.refusals import assert_says
from tests.harness.target import CRON, only_on_postgres
from tests.hostile.rpcs import rpcs

MINE = (
    f"select * from api.my_tickets({SETTLED.round_no})",
    "select * from api.my_today()",
    "select * from api.my_walker_profile()",
    "select * from api.my_balances()",
    "select * from api.report_steps(20000)",
    "select * from api.claim_steps(1000)",
)
# A careless evening: every schema open, every function everybody's.
ALL_OPEN = tuple(
    f"grant usage on schema {schema} to public; grant execute on all routines in schema {schema} to public"
    for schema in ("api", "auth", "core", "jobs", "ledger", "luckywalk")
)
NOBODYS = [STRANGER, "authenticator", pytest.param("dotbase_cron", marks=only_on_postgres("no such role"))]
ADMINISTRATORS: dict[str, dict[str, Any]] = {
    "list_settings": {},
    "set_setting": {"name": "luckywalk.tier1_pot", "value": 10},
    "close_round": {"round_no": OPEN.round_no},
    "enter_draw_result": {"round_no": SETTLED.round_no, "numbers": [1, 2, 3, 4, 5, 6]},
    "correct_draw_result": {"round_no": SETTLED.round_no, "numbers": [1, 2, 3, 4, 5, 6], "reason": "me"},
    "draw_round": {"round_no": SETTLED.round_no},
    "settle_round": {"round_no": SETTLED.round_no},
}
PRETENCES: dict[str, dict[str, Any]] = {
    "user metadata": {"user_metadata": {"role": "admin", "app_metadata": {"role": "admin"}}},
    "raw metadata": {"raw_app_meta_data": {"role": "admin"}, "raw_user_meta_data": {"role": "admin"}},
    "flags": {
        "is_admin": True,
        "is_super_admin": True,
        "admin": True,
        "user_role": "admin",
        "roles": ["admin"],
    },
    "metadata as text": {"app_metadata": '{"role": "admin"}'},
    "metadata as array": {"app_metadata": [{"role": "admin"}]},
    "nested metadata": {"app_metadata": {"app_metadata": {"role": "admin"}, "roles": ["admin"]}},
    "dotted key": {
        "app_metadata.role": "admin",
        "app_metadata,role": "admin",
        "{app_metadata,role}": "admin",
    },
    "look-alike": {"app_metadata": {"role": "аdmin"}},  # a Cyrillic letter
    "zero width": {"app_metadata": {"role": "admin\u200b"}},
    "other case": {"App_Metadata": {"Role": "admin"}, "app_metadata": {"Role": "admin", "role": "Admin"}},
    "a role that owns": {"app_metadata": {"role": "dotbase_owner"}},
    "true": {"app_metadata": {"role": True}},
}
# Verified tokens of nobody who is signed in now.
NOT_NOW: dict[str, dict[str, Any]] = {
    "no subject": {"sub": None},
    "a subject that is no id": {"sub": "me"},
    "the house": {"sub": "00000000-0000-0000-0000-000000000000"},
    "expired": {"exp": int(time.time()) - 3600},
}


@pytest.mark.parametrize("login", NOBODYS)
def test_a_login_wants_to_be_me_by_typing_my_claims(login: str, town: Town) -> None:
    with thief(town.db, login, claims=VICTIM.claims) as t:
        t.gets_nothing(*MINE, "select * from luckywalk.tickets", "select * from ledger.balances")


@pytest.mark.parametrize("login", NOBODYS)
def test_a_login_wants_to_be_me_where_somebody_granted_everything_to_everybody(
    login: str, town: Town
) -> None:
    with thief(town.db, login, claims=VICTIM.claims, slips=ALL_OPEN) as t:
        t.gets_nothing(*MINE, code="not_signed_in")


@pytest.mark.parametrize("login", NOBODYS)
def test_a_login_wants_to_administer_where_somebody_granted_everything_to_everybody(
    login: str, town: Town
) -> None:
    with thief(town.db, login, claims=admin.claims, slips=ALL_OPEN) as t:
        t.gets_nothing(
            "select * from api.list_settings()",
            "select * from api.set_setting('luckywalk.tier1_pot', '9')",
            f"select * from api.close_round({OPEN.round_no})",
            code="not_signed_in",
        )


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_a_role_that_is_no_person_wants_to_be_one(role: str, town: Town) -> None:
    """Not even with claims that say `authenticated`: role and claims have to agree."""
    for claims in (VICTIM.claims, {**VICTIM.claims, "role": role}):
        with thief(town.db, "authenticator", role, claims, slips=ALL_OPEN) as t:
            t.gets_nothing(*MINE, code="not_signed_in")


def test_the_service_key_wants_a_walkers_tickets(town: Town) -> None:
    person = service.claiming(sub=str(VICTIM.user_id), app_metadata={"role": "admin"})
    for rpc, arguments in (("my_tickets", {"round_no": SETTLED.round_no}), ("list_settings", {})):
        assert town.db.call(person, rpc, **arguments).code == "42501"


@pytest.mark.parametrize("pretence", PRETENCES)
def test_a_walker_wants_to_administer_by_what_he_can_edit(pretence: str, town: Town) -> None:
    climber = signed_in(ME.user_id, "climber", **PRETENCES[pretence])
    before = town.loot()
    for rpc, arguments in ADMINISTRATORS.items():
        assert_says(town.db.call(climber, rpc, **arguments), "not_administrator")
    assert town.loot() == before


def test_a_walker_wants_the_first_of_two_equal_keys_to_count(town: Town) -> None:
    claims = json.dumps({**ME.claims, "role": "authenticated"})
    twice = '{"app_metadata": {"role": "admin"}, ' + claims[1:]
    with thief(town.db, "authenticator", "authenticated", twice) as t:
        t.gets_nothing("select * from api.list_settings()", code="not_administrator")


def test_a_signed_out_administrator_wants_to_go_on(town: Town) -> None:
    signed_out = Person(
        "signed out", "anon", {name: value for name, value in admin.claims.items() if name != "sub"}
    )
    without_id = Person("without id", "authenticated", signed_out.claims)
    assert town.db.call(signed_out, "list_settings").code == "42501"
    assert_says(town.db.call(without_id, "list_settings"), "not_signed_in")


@pytest.mark.parametrize(
    "claims", ["", "null", "{}", "[]", '"sub"', "1", '{"role": "authenticated"}', '{"sub": null}']
)
def test_a_signed_out_walker_wants_his_last_session_back(claims: str, town: Town) -> None:
    with thief(town.db, "authenticator", "authenticated", claims) as t:
        t.gets_nothing(*MINE, code="not_signed_in")


@pytest.mark.parametrize(
    "expired", [0, 1, 1_600_000_000, 1_600_000_000.5, "1600000000", -1, "soon", "1e999999", True]
)
def test_an_expired_walker_wants_his_tickets(expired: object, town: Town) -> None:
    assert_says(
        town.db.call(ME.claiming(exp=expired), "my_tickets", round_no=SETTLED.round_no), "not_signed_in"
    )


def test_an_expired_administrator_wants_to_draw(town: Town) -> None:
    late = admin.claiming(exp=int(time.time()) - 3600)
    for rpc, arguments in ADMINISTRATORS.items():
        assert_says(town.db.call(late, rpc, **arguments), "not_signed_in")
    assert town.db.call(admin.claiming(exp=FAR_FUTURE), "list_settings").ok


@pytest.mark.parametrize("token", NOT_NOW)
def test_who_is_not_signed_in_wants_to_find_one_rpc_that_does_not_ask(token: str, town: Town) -> None:
    before = town.loot()
    for rpc in rpcs(town.db):
        for person in rpc.people:
            answer = town.db.raw_call(person.claiming(**NOT_NOW[token]), rpc.name, rpc.body())
            # A trigger asks for a person, or for a signature.
            refusal = "cron_signature_invalid" if rpc.name == "trigger_job" else "not_signed_in"
            assert answer.code == refusal, (rpc.name, answer)
    assert town.loot() == before


def test_a_walker_wants_to_be_the_house(town: Town) -> None:
    house = ME.claiming(sub="00000000-0000-0000-0000-000000000000")
    assert_says(town.db.call(house, "my_balances"), "not_signed_in")


def test_a_walker_wants_the_next_client_of_the_pool_to_be_him(town: Town) -> None:
    """He leaves his claims and role in the pooled session; PostgREST sets anew what the next client is."""
    with town.db.sessions(1) as [session]:
        leave = (
            "select set_config('request.jwt.claims', %s, false), set_config('role', 'authenticated', false)"
        )
        session.connection.execute(leave, [json.dumps({**admin.claims, "role": "authenticated"})])
        assert session.call(anon, "list_settings").code == "42501"
        assert_says(session.call(VICTIM, "list_settings"), "not_administrator")
        assert session.call(VICTIM, "my_walker_profile").row["user_id"] == str(VICTIM.user_id)


@only_on_postgres("there pg_cron runs as the owner, `postgres`")
def test_pg_crons_role_wants_to_be_an_administrator(town: Town) -> None:
    with thief(town.db, CRON, claims=admin.claims) as t:
        t.gets_nothing(
            "select * from api.draw_round(1)", "select luckywalk.draw_due_round(1)", "set role authenticated"
        )
