"""Errors: an RPC tells clients the declared words; SQL users keep their SQLSTATEs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.core.conftest import with_shop
from tests.harness.bouncer import Bouncer
from tests.harness.databases import Database
from tests.harness.people import admin, anon, walker
from tests.harness.refusals import (
    all_declared_errors,
    apps,
    assert_says,
    declared_errors,
    refused,
    rolled_back,
)
from tests.harness.responses import Response
from tests.harness.target import OWNER, only_on_postgres

ME = walker(1)
STATES_OF_POSTGRES = {
    "42501": "forbidden",
    "57014": "timed_out",
    "55P03": "busy",
    "40P01": "deadlock",
    "40001": "serialization_failure",
    "25006": "read_only",
}

Case = Callable[[Database], Response]


def secret(name: str) -> Case:
    return lambda db: db.call(ME, "read_secret", name=name)


def secret_of_another_key(db: Database) -> Response:
    """The ciphertext is there, and its key is not the one in the file."""
    db.owner.execute(
        "insert into core.secrets values "
        "('foreign', extensions.pgp_sym_encrypt('x', 'another key'), now()) on conflict do nothing"
    )
    return db.call(ME, "read_secret", name="foreign")


def secret_without_key(db: Database) -> Response:
    """As a database that was migrated without a master key."""
    db.owner.execute("drop function if exists master_key.value()")
    db.owner.execute("insert into core.secrets values ('kept', 'x', now()) on conflict do nothing")
    return db.call(ME, "read_secret", name="kept")


# How each error of the core is reached by a client. A new error needs a new line.
CASES: dict[str, Case] = {
    "internal_error": lambda db: db.call(ME, "fail", state="XX000"),
    "not_signed_in": lambda db: db.call(anon, "who"),
    "not_administrator": lambda db: db.call(ME, "list_settings"),
    "setting_not_found": lambda db: db.call(admin, "set_setting", name="shop.none", value=1),
    "setting_invalid": lambda db: db.call(admin, "set_setting", name="luckywalk.tier1_pot", value=-1),
    "secret_not_found": secret("never set"),
    "secret_store_missing": secret_without_key,
    "secret_unreadable": secret_of_another_key,
    "isolation_unsupported": lambda db: db.call(ME, "fail_by_name", name="isolation_unsupported"),
    "forbidden": lambda db: db.call(ME, "fail", state="42501"),
    "timed_out": lambda db: db.call(ME, "fail", state="57014"),
    "busy": lambda db: db.call(ME, "fail", state="55P03"),
    "deadlock": lambda db: db.call(ME, "fail", state="40P01"),
    "serialization_failure": lambda db: db.call(ME, "fail", state="40001"),
    "read_only": lambda db: db.get(ME, "fail", state="25006", says="read-only"),
}
# App, constraint, error.
CONSTRAINTS = [
    (app, constraint, error.name)
    for app in apps()
    for error in declared_errors(app).values()
    for constraint in error.constraints
]
WITH_MASTER_KEY = {"secret_unreadable"}
WITHOUT_VAULT = {"secret_unreadable", "secret_store_missing"}


@pytest.fixture(scope="module")
def keyed_shop(keyed_db: Database) -> Database:
    return with_shop(keyed_db)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=only_on_postgres("Vault asks for no key")) if name in WITHOUT_VAULT else name
        for name in declared_errors("core")
    ],
)
def test_every_error_of_the_core_reaches_the_client_in_its_own_words(
    name: str, shop: Database, request: pytest.FixtureRequest
) -> None:
    db = request.getfixturevalue("keyed_shop") if name in WITH_MASTER_KEY else shop
    assert_says(CASES[name](db), name)


def test_the_database_holds_the_errors_of_all_apps(module_db: Database) -> None:
    rows = module_db.rows("select * from core.errors")
    held = {
        r["name"]: (r["sqlstate"], r["status"], r["message_en"], r["message_ko"], r["hint"]) for r in rows
    }
    assert held == {
        e.name: (e.sqlstate, e.status, e.en, e.ko, e.hint) for e in all_declared_errors().values()
    }


@pytest.mark.parametrize("name", all_declared_errors())
def test_every_error_is_a_sentence_in_english_and_in_korean_with_what_to_do(name: str) -> None:
    error = all_declared_errors()[name]
    assert error.en.endswith(".")
    assert error.hint.endswith(".")
    assert error.ko.endswith(".")
    assert any("가" <= letter <= "힣" for letter in error.ko)


@pytest.mark.parametrize(("app", "constraint", "name"), CONSTRAINTS)
def test_every_constraint_that_an_error_names_is_one_of_its_app(
    app: str, constraint: str, name: str, module_db: Database
) -> None:
    assert module_db.value(
        "select count(*) > 0 from pg_constraint where conname = %s and connamespace = %s::regnamespace",
        constraint,
        app,
    ), name


@pytest.mark.parametrize("state", ["XX000", "23505", "P0001", "22012", "42P01", "ZZ999"])
def test_what_nobody_declared_is_ours_and_leaks_nothing(state: str, shop: Database) -> None:
    answer = shop.call(ME, "fail", state=state, says="row of bob@example.com", detail='{"card": "4111"}')
    assert_says(answer, "internal_error")
    assert answer.details.keys() == {"message_ko"}
    assert "bob" not in str(answer.body)
    assert "4111" not in str(answer.body)


def test_a_failed_assertion_is_ours_too(shop: Database) -> None:
    answer = shop.call(ME, "fail_assertion")
    assert_says(answer, "internal_error")
    assert "internals" not in str(answer.body)


@pytest.mark.skipif(Bouncer.on, reason="it sets something for a session, which no pool keeps")
def test_the_log_gets_all_of_what_the_client_does_not_see(shop: Database) -> None:
    said: list[tuple[str | None, str | None]] = []
    connection = shop.connection

    def hear(diag: psycopg.errors.Diagnostic) -> None:
        said.append((diag.severity_nonlocalized, diag.message_primary))

    before = connection.execute("show client_min_messages").fetchone()
    connection.add_notice_handler(hear)
    try:
        connection.execute("set client_min_messages = notice")
        shop.call(ME, "fail", state="XX000", says="the disk of room 7")
        assert said == []
        connection.execute("set client_min_messages = log")
        shop.call(ME, "fail", state="XX000", says="the disk of room 7")
        shop.call(ME, "fail", state="55P03", says="nothing to log")
    finally:
        connection.execute("select set_config('client_min_messages', %s, false)", before)
        connection.remove_notice_handler(hear)
    [(severity, line)] = said
    assert severity == "LOG"
    assert line is not None
    assert line.startswith("internal error XX000: the disk of room 7 at ")
    assert "shop.fail" in line


@pytest.mark.parametrize(("state", "name"), STATES_OF_POSTGRES.items())
def test_states_of_postgres_that_a_client_can_act_on_have_their_own_error(
    state: str, name: str, shop: Database
) -> None:
    answer = shop.call(anon, "fail", state=state, says="LOCK of table secret", detail="of process 4711")
    assert_says(answer, name)
    assert "4711" not in str(answer.body)
    assert "secret" not in str(answer.body)


def test_a_call_that_takes_too_long_says_so(shop: Database) -> None:
    shop.connection.execute("set statement_timeout = '50ms'")
    try:
        assert_says(shop.call(ME, "sleep", seconds=20), "timed_out")
    finally:
        shop.connection.execute("reset statement_timeout")


@pytest.mark.parametrize(("app", "constraint", "name"), CONSTRAINTS)
def test_a_violated_constraint_is_told_by_its_app_and_its_name(
    app: str, constraint: str, name: str, shop: Database
) -> None:
    said = {"state": "23514", "detail": "Failing row contains (…).", "violated": constraint}
    answer = shop.call(ME, "fail", of_app=app, **said)
    assert_says(answer, name)
    assert "Failing row" not in str(answer.body)
    assert_says(shop.call(ME, "fail", of_app="shop", **said), "internal_error")


def test_the_case_adds_to_the_details_through_core_raise_alone(shop: Database) -> None:
    answer = shop.call(ME, "fail_by_name", name="setting_invalid", details={"minimum": 3})
    assert answer.details == {"message_ko": declared_errors("core")["setting_invalid"].ko, "minimum": 3}
    answer = shop.call(ME, "fail", state="42501", detail='{"row": "of somebody"}')
    assert answer.details.keys() == {"message_ko"}


def test_who_has_no_rpc_is_told_so_by_postgres_itself(shop: Database) -> None:
    assert (shop.call(anon, "list_settings").status, shop.call(anon, "list_settings").code) == (401, "42501")


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ("select shop.fail('XX000')", "XX000"),
        ("select shop.fail('40001')", "40001"),
        ("select shop.divide(0)", "22012"),
        ("select core.setting('shop.none')", "ZC003"),
    ],
)
def test_sql_users_keep_their_sqlstate(query: str, state: str, shop: Database) -> None:
    with refused(state), rolled_back(shop.owner, OWNER):
        shop.owner.execute(query.encode())


def test_clients_get_the_rpcs_answer_for_the_same_failure(shop: Database) -> None:
    assert_says(shop.call(ME, "divide", by=0), "internal_error")
    assert shop.call(ME, "divide", by=1).body == 1


def test_a_name_that_is_not_declared_cannot_be_raised(shop: Database) -> None:
    with refused("P0001") as refusal, rolled_back(shop.owner):
        shop.owner.execute("select core.raise('no_such_error')")
    assert refusal.message == "error no_such_error is not declared"


def declared(**changes: object) -> str:
    error: dict[str, Any] = {
        "name": "sold_out",
        "sqlstate": "ZS001",
        "status": 409,
        "message_en": "Sold out.",
        "message_ko": "품절입니다.",
        "hint": "Come back tomorrow.",
        "constraints": [],
    }
    return json.dumps([{**error, **changes}])


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"sqlstate": "ZC001"}, "errors_sqlstate_key"),
        ({"name": "not_signed_in"}, "errors_pkey"),
        ({"name": "Sold-Out"}, "errors_name_is_snake_case"),
        ({"sqlstate": "zs1"}, "errors_sqlstate_is_five_characters"),
        ({"status": 200}, "errors_status_is_an_error"),
        ({"constraints": ["shelf_full", "shelf_full"]}, "error_constraints_pkey"),
    ],
)
def test_an_error_that_is_not_unmistakable_cannot_be_declared(
    changes: dict[str, object], constraint: str, shop: Database
) -> None:
    with pytest.raises(psycopg.IntegrityError) as caught, rolled_back(shop.owner):
        shop.owner.execute("select core.declare_errors('shop', %s)", [declared(**changes)])
    assert caught.value.diag.constraint_name == constraint


def test_errors_that_are_no_longer_declared_are_gone_and_other_apps_stay(shop: Database) -> None:
    with rolled_back(shop.owner):
        shop.owner.execute("select core.declare_errors('shop', %s)", [declared(constraints=["shelf_full"])])
        assert shop.value(
            "select error_name from core.error_constraints where constraint_name = 'shelf_full'"
        )
        shop.owner.execute("select core.declare_errors('shop', '[]')")
        names = {row["name"] for row in shop.rows("select name from core.errors")}
        assert names == all_declared_errors().keys()
        assert not shop.rows("select from core.error_constraints where constraint_name = 'shelf_full'")
