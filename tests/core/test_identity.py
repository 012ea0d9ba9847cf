"""Identity: who calls is what the role switch and the verified claims agree on, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import Person, admin, anon, service, signed_in, walker
from tests.harness.refusals import assert_says, refused, rolled_back
from tests.harness.target import OWNER, only_on_postgres

ME = walker(1)
SUB = str(ME.user_id)


def ask(db: Database, role: str, claims: object, rpc: str) -> object:
    """As a client that could write its own claims: role and claims need not agree."""
    with rolled_back(db.connection, role):
        text = claims if isinstance(claims, str) else json.dumps(claims)
        db.connection.execute("select set_config('request.jwt.claims', %s, true)", [text])
        row = db.connection.execute(f"select shop.{rpc}()".encode()).fetchone()
    assert row is not None
    answer: object = row[0]
    return answer


def test_a_signed_in_person_is_who_the_token_says(shop: Database) -> None:
    assert shop.call(ME, "who").body == SUB


@pytest.mark.parametrize(
    ("role", "claims"),
    [
        ("anon", {"role": "authenticated", "sub": SUB}),
        ("anon", {"role": "anon", "sub": SUB}),
        ("anon", {"sub": SUB}),
        ("authenticated", {"role": "anon", "sub": SUB}),
        ("authenticated", {"role": "service_role", "sub": SUB}),
        ("authenticated", {"sub": SUB}),
        ("service_role", {"role": "authenticated", "sub": SUB}),
        ("service_role", {"role": "service_role", "sub": SUB}),
        ("authenticated", ""),
    ],
)
def test_role_and_claims_that_disagree_are_nobody(role: str, claims: object, shop: Database) -> None:
    with refused("not_signed_in"):
        ask(shop, role, claims, "who")


@pytest.mark.parametrize(
    "sub",
    [
        None,
        "",
        "me",
        "00000000-0000-0000-0000-000000000000",
        "{00000000-0000-0000-0000-000000000000}",
        SUB[:-1],
        SUB + "0",
        f"{SUB}; drop table core.settings",
        7,
        [SUB],
        {"sub": SUB},
    ],
)
def test_a_subject_that_is_no_persons_id_is_not_signed_in(sub: object, shop: Database) -> None:
    assert_says(shop.call(ME.claiming(sub=sub), "who"), "not_signed_in")


def test_a_token_without_a_subject_is_not_signed_in(shop: Database) -> None:
    claims = {name: value for name, value in ME.claims.items() if name != "sub"}
    assert_says(shop.call(Person("nobody", "authenticated", claims), "who"), "not_signed_in")


def test_anonymous_and_service_are_not_persons(shop: Database) -> None:
    for person in (anon, service):
        assert_says(shop.call(person, "who"), "not_signed_in")


def test_an_administrator_is_named_by_id(shop: Database) -> None:
    assert shop.call(admin, "who_administers").body == str(admin.user_id)


@pytest.mark.parametrize(
    "claims",
    [
        {"user_metadata": {"role": "admin"}},
        {"user_metadata": {"app_metadata": {"role": "admin"}}},
        {"user_role": "admin", "admin": True, "is_admin": True},
        {"app_metadata": {"role": "ADMIN"}},
        {"app_metadata": {"role": "admin "}},
        {"app_metadata": {"role": ["admin"]}},
        {"app_metadata": {"role": {"admin": "admin"}}},
        {"app_metadata": {"roles": ["admin"]}},
        {"app_metadata": "admin"},
        {"app_metadata": None},
        {"app_metadata": ["role", "admin"]},
    ],
)
def test_nothing_but_the_verified_app_metadata_makes_an_administrator(
    claims: dict[str, Any], shop: Database
) -> None:
    person = signed_in(ME.user_id, "climber", **claims)
    assert_says(shop.call(person, "who_administers"), "not_administrator")


@pytest.mark.parametrize(
    ("role", "claims"),
    [
        ("anon", {"role": "authenticated", "sub": SUB}),
        ("service_role", {"role": "service_role", "sub": SUB}),
        ("authenticated", {"role": "authenticated"}),
        ("authenticated", {"role": "anon", "sub": SUB}),
    ],
)
def test_an_administrator_must_be_a_signed_in_person_too(
    role: str, claims: dict[str, object], shop: Database
) -> None:
    with refused("not_signed_in"):
        ask(shop, role, {**claims, "app_metadata": {"role": "admin"}}, "who_administers")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_no_client_role_passes_for_the_owner(role: str, shop: Database) -> None:
    with refused("not_administrator"):
        ask(shop, role, {"role": OWNER, "sub": SUB}, "who_administers")


def test_the_owners_members_are_recorded_by_their_role(shop: Database) -> None:
    with rolled_back(shop.owner, OWNER):
        assert shop.value("select core.require_administrator()") == OWNER
    assert shop.value("select core.require_administrator()") == shop.value("select session_user::text")


def test_a_superuser_who_became_a_client_is_a_client(shop: Database) -> None:
    with refused("not_administrator"), rolled_back(shop.owner, "authenticated"):
        shop.owner.execute("select shop.who_administers()")


@only_on_postgres("on Supabase pg_cron's lines are the owner's, `postgres`")
def test_cron_is_not_the_owner(shop: Database) -> None:
    assert shop.value("select pg_has_role('dotbase_cron', 'dotbase_owner', 'member')") is False
    with shop.as_cron() as cron, refused("42501"):
        cron.execute(f"set role {OWNER}".encode())


def test_claims_of_one_request_are_gone_in_the_next(shop: Database) -> None:
    assert shop.call(ME, "who").ok
    with refused("not_signed_in"):
        ask(shop, "authenticated", "", "who")
