"""How long a client's call may take: limits of the roles, and of an RPC whose line says so. Fault 17."""

from __future__ import annotations

from typing import Any

import pytest

from dotbase.render.declarations import policies
from dotbase.render.project import Project
from tests.core.conftest import with_shop
from tests.core.test_wrappers import as_owner, build
from tests.harness.databases import Database
from tests.harness.people import Person, anon, service, walker
from tests.harness.refusals import assert_says
from tests.harness.server import ROOT
from tests.harness.target import only_on_postgres

ME = walker(1)
SEEN = """
create function shop.limits_seen() returns jsonb language sql stable set search_path = pg_catalog, pg_temp
return jsonb_build_object(
    'lock_timeout', current_setting('lock_timeout'),
    'statement_timeout', current_setting('statement_timeout'),
    'idle_in_transaction_session_timeout', current_setting('idle_in_transaction_session_timeout')
);
create function shop.takes_the_till() returns void language plpgsql volatile
set search_path = pg_catalog, pg_temp as $$ begin perform pg_advisory_xact_lock(17); end $$;
"""
EVERYBODY = ["anon", "authenticated", "service_role"]


@pytest.fixture(scope="module")
def limited(module_db: Database) -> Database:
    """The shop, with RPCs that tell their limits and that wait."""
    database = with_shop(module_db)
    as_owner(database, SEEN)
    return database


def seen(db: Database, person: Person, **limits: str) -> dict[str, Any]:
    line: Any = {"roles": EVERYBODY, **limits} if limits else EVERYBODY
    build(db, {"limits_seen": line})
    answer = db.call(person, "limits_seen").body
    assert isinstance(answer, dict)
    return answer


@only_on_postgres("Supabase has limits of its own, which stay")
@pytest.mark.parametrize("person", [anon, ME, service], ids=lambda person: person.role)
def test_a_clients_call_has_the_limits_of_apps_yaml(limited: Database, person: Person) -> None:
    assert seen(limited, person) == Project(ROOT).declared.client_limits.model_dump()


def test_an_rpcs_own_limits_are_in_force_in_its_call(limited: Database) -> None:
    declared = seen(limited, ME)
    own = seen(limited, ME, statement_timeout="5min", lock_timeout="30s")
    assert own == {**declared, "statement_timeout": "5min", "lock_timeout": "30s"}
    assert seen(limited, ME) == declared


def test_a_call_beyond_its_time_is_told_so(limited: Database) -> None:
    build(limited, {"sleep": {"roles": ["authenticated"], "statement_timeout": "100ms"}})  # type: ignore[dict-item]
    assert_says(limited.call(ME, "sleep", seconds=20), "timed_out")


def test_a_call_that_waits_too_long_for_a_lock_is_told_when_to_try_again(limited: Database) -> None:
    build(limited, {"takes_the_till": {"roles": ["authenticated"], "lock_timeout": "100ms"}})  # type: ignore[dict-item]
    with limited.server.connect(limited.name) as holder, holder.transaction():
        holder.execute("select pg_advisory_xact_lock(17)")
        answer = limited.call(ME, "takes_the_till")
    assert_says(answer, "busy")
    assert answer.headers["retry-after"] == "1"
    assert limited.call(ME, "takes_the_till").ok


def test_an_error_that_no_retry_helps_tells_no_time(limited: Database) -> None:
    build(limited, {"fail_by_name": ["authenticated"]})
    answer = limited.call(ME, "fail_by_name", name="secret_not_found")
    assert answer.headers["retry-after"] == "0"  # which PostgREST puts to every 503


def test_every_wrapper_has_the_limits_of_its_line_and_no_other(module_db: Database) -> None:
    declared = {
        name: {f"{setting}={value}" for setting, value in rpc.limits.items()}
        for one in policies.of(Project(ROOT))
        for name, rpc in one.policies.rpcs.items()
    }
    assert any(declared.values())
    query = (
        "select p.proname as name, p.proconfig[2:] as own from pg_proc as p inner join core.rpcs as r"
        " on r.name = p.proname and r.app <> 'shop' where p.pronamespace = 'api'::regnamespace"
    )
    assert {row["name"]: set(row["own"] or []) for row in module_db.rows(query)} == declared
