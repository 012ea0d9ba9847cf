"""Forged claims: who types them himself is nobody, and what a user can edit grants nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.apps.luckywalk import SETTLED
from tests.attacks.attacker import ME, STRANGER, VICTIM, attacker
from tests.attacks.conftest import Attacked
from tests.harness.declared import APPS
from tests.harness.people import FAR_FUTURE, Person, admin, anon, service, signed_in
from tests.harness.refusals import assert_says
from tests.harness.rpcs import Rpc, rpcs, those_for
from tests.harness.target import CRON, only_on_postgres

# A careless evening: every schema open, every function everybody's.
ALL_OPEN = tuple(
    f"grant usage on schema {schema} to public; grant execute on all routines in schema {schema} to public"
    for schema in ("api", "auth", *APPS)
)
NOBODYS = [STRANGER, "authenticator", pytest.param("dotbase_cron", marks=only_on_postgres("no such role"))]
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


@pytest.fixture(scope="module")
def mine(attacked: Attacked) -> list[str]:
    """Calls of all that is for people who are signed in, and asks for it."""
    asking = [rpc for rpc in those_for(attacked.db, "authenticated") if rpc.call.not_signed_in]
    return [rpc.statement() for rpc in asking]


@pytest.fixture(scope="module")
def administrators(attacked: Attacked) -> list[Rpc]:
    """What is for administrators."""
    return those_for(attacked.db, "administrator")


@pytest.mark.parametrize("login", NOBODYS)
def test_a_login_wants_to_be_me_by_typing_my_claims(login: str, attacked: Attacked, mine: list[str]) -> None:
    with attacker(attacked.db, login, claims=VICTIM.claims) as t:
        t.is_refused(*mine, "select * from luckywalk.tickets", "select * from ledger.balances")


@pytest.mark.parametrize("login", NOBODYS)
def test_a_login_wants_to_be_me_where_somebody_granted_everything_to_everybody(
    login: str, attacked: Attacked, mine: list[str]
) -> None:
    with attacker(attacked.db, login, claims=VICTIM.claims, slips=ALL_OPEN) as t:
        t.is_refused(*mine, code="not_signed_in")


@pytest.mark.parametrize("login", NOBODYS)
def test_a_login_wants_to_administer_where_somebody_granted_everything_to_everybody(
    login: str, attacked: Attacked, administrators: list[Rpc]
) -> None:
    with attacker(attacked.db, login, claims=admin.claims, slips=ALL_OPEN) as t:
        t.is_refused(*(rpc.statement() for rpc in administrators), code="not_signed_in")


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_a_role_that_is_no_person_wants_to_be_one(role: str, attacked: Attacked, mine: list[str]) -> None:
    """Not even with claims that say `authenticated`: role and claims have to agree."""
    for claims in (VICTIM.claims, {**VICTIM.claims, "role": role}):
        with attacker(attacked.db, "authenticator", role, claims, slips=ALL_OPEN) as t:
            t.is_refused(*mine, code="not_signed_in")


def test_the_service_key_wants_a_walkers_tickets(attacked: Attacked) -> None:
    person = service.claiming(sub=str(VICTIM.user_id), app_metadata={"role": "admin"})
    for rpc, arguments in (("my_tickets", {"round_no": SETTLED.round_no}), ("list_settings", {})):
        assert attacked.db.call(person, rpc, **arguments).code == "42501"


@pytest.mark.parametrize("pretence", PRETENCES)
def test_a_walker_wants_to_administer_by_what_he_can_edit(
    pretence: str, attacked: Attacked, administrators: list[Rpc]
) -> None:
    climber = signed_in(ME.user_id, "climber", **PRETENCES[pretence])
    before = attacked.contents()
    for rpc in administrators:
        assert_says(attacked.db.call(climber, rpc.name, **rpc.values()), "not_administrator")
    assert attacked.contents() == before


def test_a_walker_wants_the_first_of_two_equal_keys_to_count(attacked: Attacked) -> None:
    claims = json.dumps({**ME.claims, "role": "authenticated"})
    twice = '{"app_metadata": {"role": "admin"}, ' + claims[1:]
    with attacker(attacked.db, "authenticator", "authenticated", twice) as t:
        t.is_refused("select * from api.list_settings()", code="not_administrator")


def test_a_signed_out_administrator_wants_to_go_on(attacked: Attacked) -> None:
    signed_out = Person(
        "signed out", "anon", {name: value for name, value in admin.claims.items() if name != "sub"}
    )
    without_id = Person("without id", "authenticated", signed_out.claims)
    assert attacked.db.call(signed_out, "list_settings").code == "42501"
    assert_says(attacked.db.call(without_id, "list_settings"), "not_signed_in")


@pytest.mark.parametrize(
    "claims", ["", "null", "{}", "[]", '"sub"', "1", '{"role": "authenticated"}', '{"sub": null}']
)
def test_a_signed_out_walker_wants_his_last_session_back(
    claims: str, attacked: Attacked, mine: list[str]
) -> None:
    with attacker(attacked.db, "authenticator", "authenticated", claims) as t:
        t.is_refused(*mine, code="not_signed_in")


@pytest.mark.parametrize(
    "expired", [0, 1, 1_600_000_000, 1_600_000_000.5, "1600000000", -1, "soon", "1e999999", True]
)
def test_an_expired_walker_wants_his_tickets(expired: object, attacked: Attacked) -> None:
    assert_says(
        attacked.db.call(ME.claiming(exp=expired), "my_tickets", round_no=SETTLED.round_no), "not_signed_in"
    )


def test_an_expired_administrator_wants_to_draw(attacked: Attacked, administrators: list[Rpc]) -> None:
    late = admin.claiming(exp=int(time.time()) - 3600)
    for rpc in administrators:
        assert_says(attacked.db.call(late, rpc.name, **rpc.values()), "not_signed_in")
    assert attacked.db.call(admin.claiming(exp=FAR_FUTURE), "list_settings").ok


@pytest.mark.parametrize("token", NOT_NOW)
def test_who_is_not_signed_in_wants_to_find_one_rpc_that_does_not_ask(token: str, attacked: Attacked) -> None:
    before = attacked.contents()
    for rpc in rpcs(attacked.db):
        for person in rpc.people:
            if rpc.call.not_signed_in is not None:
                answer = attacked.db.raw_call(person.claiming(**NOT_NOW[token]), rpc.name, rpc.body())
                assert answer.code == rpc.call.not_signed_in, (rpc.name, answer)
    assert attacked.contents() == before


def test_a_walker_wants_to_be_the_house(attacked: Attacked) -> None:
    house = ME.claiming(sub="00000000-0000-0000-0000-000000000000")
    assert_says(attacked.db.call(house, "my_balances"), "not_signed_in")


def test_a_walker_wants_the_next_client_of_the_pool_to_be_him(attacked: Attacked) -> None:
    """He leaves his claims and role in the pooled session; PostgREST sets anew what the next client is."""
    with attacked.db.sessions(1) as [session]:
        leave = (
            "select set_config('request.jwt.claims', %s, false), set_config('role', 'authenticated', false)"
        )
        session.connection.execute(leave, [json.dumps({**admin.claims, "role": "authenticated"})])
        assert session.call(anon, "list_settings").code == "42501"
        assert_says(session.call(VICTIM, "list_settings"), "not_administrator")
        assert session.call(VICTIM, "my_walker_profile").row["user_id"] == str(VICTIM.user_id)


@only_on_postgres("there pg_cron runs as the owner, `postgres`")
def test_pg_crons_role_wants_to_be_an_administrator(attacked: Attacked) -> None:
    with attacker(attacked.db, CRON, claims=admin.claims) as t:
        t.is_refused(
            "select * from api.draw_round(1)", "select luckywalk.draw_due_round(1)", "set role authenticated"
        )
