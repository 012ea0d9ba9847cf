"""The fixture behaves as PostgREST 14 does: transaction, typing, statuses, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.harness.clones import PREFIX
from tests.harness.databases import Database
from tests.harness.hints import nearest
from tests.harness.people import admin, anon, service, walker
from tests.harness.postgrest import RetriedWithoutEnd
from tests.harness.responses import own_answers
from tests.harness.server import Server
from tests.harness.supabase import passing_role

SCRATCH = (Path(__file__).parent / "scratch.sql").read_text()


@pytest.fixture(scope="module")
def scratch(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[Database]:
    """A database with a small exposed schema, apart from the project's own."""
    name = f"{PREFIX}{maintenance.info.backend_pid}_scratch"
    maintenance.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    database = Database(server, name)
    maintenance.execute("select pg_advisory_lock(hashtext('dotbase templates'))")  # roles: the cluster's
    database.owner.execute(SCRATCH.encode())
    maintenance.execute("select pg_advisory_unlock(hashtext('dotbase templates'))")
    counted = own_answers.copy()
    yield database
    own_answers.clear()  # those provoked here say nothing about the project
    own_answers.update(counted)
    database.close()
    maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(autouse=True)
def _empty(scratch: Database) -> None:
    scratch.owner.execute("truncate api.notes, api.traces, api.marks restart identity")


def test_role_claims_and_request_are_set_for_the_transaction(scratch: Database) -> None:
    person = walker(7).sending(User_Agent="pytest")
    seen = scratch.call(person, "settings_seen").body
    assert seen == {
        "role": "authenticated",
        "session": "authenticator",
        "claims": dict(person.claims),
        "method": "POST",
        "path": "/rpc/settings_seen",
        "headers": {"user-agent": "pytest"},
        "cookies": {},
        "search_path": '"api", ""',
        "isolation": "read committed",
        "read_only": "on",
    }


@pytest.mark.parametrize(
    ("person", "role"), [(anon, "anon"), (admin, "authenticated"), (service, "service_role")]
)
def test_each_person_has_their_role(scratch: Database, person: Any, role: str) -> None:
    seen = scratch.call(person, "settings_seen").body
    assert (seen["role"], seen["claims"]["role"]) == (role, role)


def test_nothing_of_a_request_is_left_for_the_next(scratch: Database) -> None:
    scratch.call(walker(1), "settings_seen")
    row = scratch.connection.execute(
        "select current_user, current_setting('request.jwt.claims', true)"
    ).fetchone()
    assert row == ("authenticator", "")


def test_get_is_read_only_and_so_is_post_to_a_stable_function(scratch: Database) -> None:
    assert scratch.get(walker(1), "settings_seen").body["read_only"] == "on"
    for refused in (
        scratch.get(service, "bump", trace=1),
        scratch.call(service, "bump_declared_stable", trace=1),
    ):
        assert (refused.status, refused.code) == (405, "25006")


def test_arguments_are_typed_by_the_signature(scratch: Database) -> None:
    answer = scratch.call(anon, "typed", a="3", b="2024-02-29", c={"x": [1]}, d=["p", "q"])
    assert answer.body == {"a": 3, "b": "2024-02-29", "c": {"x": [1]}, "d": ["p", "q"]}
    assert scratch.call(anon, "typed", a=None).body == {"a": None, "b": "2000-01-01", "c": None, "d": []}
    assert scratch.get(anon, "typed", a=5, d="{z}").body == {"a": 5, "b": "2000-01-01", "c": None, "d": ["z"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"a": "x"}', "22P02"),
        ('{"a": 99999999999}', "22003"),
        ('{"a": 1.5}', "22P02"),
        ('{"a": 1, "b": "2024-13-01"}', "22008"),
        ('{"a": 1, "b": "soon"}', "22007"),
        ('{"a": 1, "c": "\\u0000"}', "22P05"),
    ],
)
def test_a_value_that_is_not_of_the_type_is_the_databases_to_refuse(
    scratch: Database, body: str, code: str
) -> None:
    answer = scratch.raw_call(anon, "typed", body)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("body", ["{", '{"a": NaN}', "nothing"])
def test_a_body_that_is_not_json_never_reaches_the_database(scratch: Database, body: str) -> None:
    answer = scratch.raw_call(anon, "typed", body)
    assert (answer.status, answer.code) == (400, "PGRST102")


def test_unknown_functions_and_arguments_are_not_found(scratch: Database) -> None:
    assert scratch.call(anon, "no_such").code == "PGRST202"
    missing = scratch.call(anon, "typed", b="2024-01-01")
    assert (missing.status, missing.code) == (404, "PGRST202")
    assert missing.body["message"] == "Could not find the function api.typed(b) in the schema cache"
    assert scratch.call(anon, "typed", a=1, e=2).status == 404
    assert scratch.call(anon, "settings_seen", e=2).status == 404


@pytest.mark.parametrize(
    ("rpc", "arguments", "hint"),
    [
        ("typd", {}, "Perhaps you meant to call the function api.typed"),
        ("typed", {"b": 1, "x": 2}, "Perhaps you meant to call the function api.typed(a, b, c, d)"),
        ("typed", {"noclosealternative": 1}, None),
        ("noclosealternative", {}, None),
    ],
)
def test_what_was_perhaps_meant_is_hinted_at(
    scratch: Database, rpc: str, arguments: dict[str, object], hint: str | None
) -> None:
    """Fault 22. The nearest function, or the nearest list of arguments of the one of that name."""
    assert scratch.call(anon, rpc, **arguments).body["hint"] == hint


def test_the_table_that_was_perhaps_meant_is_hinted_at(scratch: Database) -> None:
    """Fault 22."""
    assert scratch.select(walker(1), "note").body["hint"] == "Perhaps you meant the table 'api.notes'"
    assert scratch.select(walker(1), "xyz").body["hint"] is None


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        ("testt", ["test", "another"], "test"),
        ("other", ["test", "another"], "another"),
        ("noclosealternative", ["test", "another"], None),
        ("(nam, pqaram, vall)", ["(name, param, val)", "(attr, id)"], "(name, param, val)"),
        ("(param, val)", ["(name, param, val)", "(attr, id)"], "(name, param, val)"),
        ("(attrs, id)", ["(name, param, val)", "(attr, id)"], "(attr, id)"),
        ("(id)", ["(name, param, val)", "(attr, id)"], "(attr, id)"),
        ("(noclosealternative)", ["(name, param, val)", "(attr, id)"], None),
        ("Test", ["test", "tests"], "test"),
        ("anything", [], None),
    ],
)
def test_the_nearest_name_is_the_one_that_postgrest_finds(
    wanted: str, names: list[str], found: str | None
) -> None:
    """Fault 22. The first eight are PostgREST's own examples of its hints."""
    assert nearest(wanted, names) == found


def test_an_overload_is_ambiguous(scratch: Database) -> None:
    answer = scratch.call(anon, "two", a=1)
    assert (answer.status, answer.code) == (300, "PGRST203")


def test_results_have_the_shape_of_the_return_type(scratch: Database) -> None:
    void = scratch.call(service, "bump_declared_stable", trace=1)
    assert void.status == 405
    void = scratch.call(service, "bump", trace=1)
    assert (void.status, void.body) == (204, None)
    assert scratch.call(anon, "one_note").body == {"note_id": 1, "body": "one", "author": None}
    assert scratch.call(anon, "numbers", upto=3).body == [1, 2, 3]
    assert scratch.call(anon, "numbers", upto=0).body == []
    assert scratch.raw_call(anon, "whole", '{"any": ["thing"]}').body == {"any": ["thing"]}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08006", 503),
        ("09000", 500),
        ("0L000", 403),
        ("0P000", 403),
        ("22P02", 400),
        ("22023", 400),
        ("21000", 500),
        ("23503", 409),
        ("23505", 409),
        ("23514", 400),
        ("25006", 405),
        ("25P02", 500),
        ("28000", 403),
        ("2D000", 500),
        ("38000", 500),
        ("40P01", 500),
        ("42501", 403),
        ("42883", 404),
        ("42P01", 404),
        ("42P17", 500),
        ("42601", 400),
        ("53100", 503),
        ("53400", 500),
        ("54001", 500),
        ("55P03", 500),
        ("57014", 500),
        ("57P01", 503),
        ("58030", 500),
        ("HV000", 500),
        ("P0001", 400),
        ("P0002", 500),
        ("PT418", 418),
        ("PTABC", 500),
        ("XX000", 500),
        ("ZW001", 400),
    ],
)
def test_status_by_sqlstate(scratch: Database, state: str, status: int) -> None:
    answer = scratch.call(service, "fail", state=state, detail="why", hint="do")
    assert answer.status == status
    assert answer.body == {"code": state, "message": "no", "details": "why", "hint": "do"}
    assert answer.headers.get("retry-after") == ("0" if status == 503 else None)  # Fault 22.
    assert scratch.value("select count(*) from api.traces") == 0


def test_privilege_is_401_for_anonymous_and_403_for_others(scratch: Database) -> None:
    refused = scratch.call(anon, "secret_number")
    assert (refused.status, refused.code, refused.headers["www-authenticate"]) == (401, "42501", "Bearer")
    assert scratch.call(walker(1), "secret_number").status == 403


def pgrst(scratch: Database, message: object, detail: object) -> Any:
    return scratch.call(
        service,
        "fail",
        state="PGRST",
        says=json.dumps(message),
        detail=None if detail is None else json.dumps(detail),
    )


def test_raise_pgrst_says_status_body_and_headers(scratch: Database) -> None:
    answer = pgrst(
        scratch,
        {"code": "too_late", "message": "Closed", "details": '{"message_ko": "마감"}', "hint": "Next week"},
        {"status": 409, "headers": {"Retry-After": "60"}},
    )
    assert answer.status == 409
    assert answer.code == "too_late"
    assert answer.details == {"message_ko": "마감"}
    assert answer.body["hint"] == "Next week"
    assert answer.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("plain", {"status": 400, "headers": {}}),
        ({"code": "x"}, {"status": 400, "headers": {}}),
        ({"code": "x", "message": "y", "details": {"an": "object"}}, {"status": 400, "headers": {}}),
        ({"code": "x", "message": "y"}, {"status": 400}),
        ({"code": "x", "message": "y"}, {"status": "400", "headers": {}}),
        ({"code": "x", "message": "y"}, {"status": 400, "headers": {"a": 1}}),
        ({"code": "x", "message": "y"}, None),
    ],
)
def test_a_malformed_raise_pgrst_is_a_server_error(
    scratch: Database, message: object, detail: object
) -> None:
    answer = pgrst(scratch, message, detail)
    assert (answer.status, answer.code) == (500, "PGRST121")


def test_response_settings_decide_status_and_headers_and_the_work_stays(scratch: Database) -> None:
    answer = scratch.call(service, "answer", status="202", headers='[{"Location": "/notes"}]')
    assert (answer.status, answer.body, answer.headers["location"]) == (202, "said", "/notes")
    assert scratch.value("select count(*) from api.traces") == 1


def test_a_204_has_no_body_whoever_says_it(scratch: Database) -> None:
    """Fault 22."""
    answer = scratch.call(service, "answer", status="204", headers=None)
    assert (answer.status, answer.body) == (204, None)


@pytest.mark.parametrize(
    ("status", "headers", "code"), [("fine", None, "PGRST112"), ("200", '{"a": "b"}', "PGRST111")]
)
def test_bad_response_settings_fail_after_the_commit(
    scratch: Database, status: str, headers: str | None, code: str
) -> None:
    answer = scratch.call(service, "answer", status=status, headers=headers)
    assert (answer.status, answer.code) == (500, code)
    assert scratch.value("select count(*) from api.traces") == 1


def test_a_functions_statement_timeout_is_the_transactions(scratch: Database) -> None:
    answer = scratch.call(anon, "slow")
    assert (answer.status, answer.code) == (500, "57014")


def test_settings_of_the_role_are_the_transactions_where_postgrest_may_set_them(scratch: Database) -> None:
    """Fault 17. The whole cluster's, not a database's; in lower case; not what only a superuser may set."""
    role = passing_role("client")
    person = replace(anon, role=role)
    scratch.owner.execute(f"create role {role}".encode())
    try:
        for statement in (
            f"grant {role} to authenticator",
            f"grant usage on schema api to {role}",
            f"alter role {role} set lock_timeout = '1234ms'",
            f"alter role {role} set default_transaction_isolation = 'REPEATABLE READ'",
            f"alter role {role} set intervalstyle = 'ISO_8601'",
            f"alter role {role} set log_min_duration_statement = 99",
            f"alter role {role} in database {scratch.name} set statement_timeout = '77s'",
        ):
            scratch.owner.execute(statement.encode())
        scratch.reload()
        assert scratch.schema_cache.role_settings[role] == {
            "lock_timeout": "1234ms",
            "default_transaction_isolation": "repeatable read",
            "IntervalStyle": "iso_8601",
        }
        settings = ["lock_timeout", "transaction_isolation", "intervalstyle", "statement_timeout"]
        seen = scratch.call(person, "current_settings", names=settings).body
        assert seen[:3] == ["1234ms", "repeatable read", "iso_8601"]
        assert seen[3] != "77s"
    finally:
        scratch.owner.execute(f"drop owned by {role}".encode())
        scratch.owner.execute(f"drop role {role}".encode())
        scratch.reload()


def test_40001_would_be_retried_without_end(scratch: Database) -> None:
    with pytest.raises(RetriedWithoutEnd):
        scratch.call(anon, "serialization_failure")


def test_views_are_read_and_written_under_row_level_security(scratch: Database) -> None:
    me, other = walker(1), walker(2)
    rows = [{"note_id": n, "body": f"note {n}", "author": me.user_id} for n in (1, 2)]
    assert scratch.insert(me, "notes", rows).status == 201
    assert scratch.insert(me, "notes", {"note_id": 3, "body": "x", "author": other.user_id}).code == "42501"
    assert scratch.insert(me, "notes", rows[0]).status == 409
    assert scratch.insert(me, "notes", {"nope": 1}).code == "PGRST204"
    assert scratch.select(other, "notes").body == []
    assert scratch.select(anon, "notes").status == 401
    assert scratch.select(me, "nowhere").code == "PGRST205"
    read = scratch.select(me, "notes", ["note_id"], order="note_id.desc", filters={"body": "note 2"})
    assert (read.status, read.body) == (200, [{"note_id": 2}])
    assert scratch.select(me, "notes", ["no_column"]).code == "42703"
    assert scratch.update(me, "notes", {"body": "new"}, {"note_id": 1}).row["body"] == "new"
    assert scratch.update(other, "notes", {"body": "stolen"}, {"note_id": 1}).body == []
    assert scratch.update(me, "notes", {"body": ""}, {"note_id": 1}).code == "23514"
    assert scratch.delete(me, "notes", {"note_id": 1}, returning=False).status == 204
    assert scratch.value("select count(*) from api.notes") == 1


def test_bodies_without_columns_are_as_many_rows_of_defaults(scratch: Database) -> None:
    """Fault 22."""
    none = scratch.insert(service, "marks", [])
    assert (none.status, none.body) == (201, [])
    assert len(scratch.insert(service, "marks", {}).rows) == 1
    assert len(scratch.insert(service, "marks", [{}, {}]).rows) == 2
    kept = scratch.update(service, "marks", {}, {"mark_id": 1})
    assert (kept.status, kept.body) == (200, [])
    assert scratch.value("select array_agg(mark_id order by mark_id) from api.marks") == [1, 2, 3]


def test_the_preference_that_was_applied_is_said(scratch: Database) -> None:
    """Fault 22."""
    note = {"note_id": 1, "body": "one", "author": walker(1).user_id}
    said = [
        scratch.insert(walker(1), "notes", note),
        scratch.update(walker(1), "notes", {"body": "two"}, {"note_id": 1}, returning=False),
        scratch.delete(walker(1), "notes", {"note_id": 1}),
        scratch.select(walker(1), "notes"),
        scratch.insert(walker(1), "notes", {"body": ""}),
    ]
    assert [answer.headers.get("preference-applied") for answer in said] == [
        "return=representation",
        "return=minimal",
        "return=representation",
        None,
        None,
    ]


def test_racing_sessions_are_sessions_of_their_own(scratch: Database) -> None:
    def act(session: Any, number: int) -> Any:
        return session.call(walker(number), "settings_seen").body["claims"]["sub"]

    assert scratch.race(10, act) == [str(walker(n).user_id) for n in range(10)]
