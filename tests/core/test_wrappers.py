"""RPCs: made from the catalog for what the policies list, closed to everybody else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.people import anon, service, walker
from tests.harness.refusals import assert_says
from tests.harness.server import ROOT
from tests.harness.target import CRON_ALONE, OWNER, SUPABASE

ME = walker(1)
SIGNATURE = """
select
    pg_get_function_arguments(p.oid) as arguments,
    pg_get_function_result(p.oid) as result,
    p.provolatile as volatility,
    p.proretset as returns_set,
    p.prosecdef as definer,
    p.proconfig as settings,
    obj_description(p.oid, 'pg_proc') as comment
from pg_proc as p
where p.oid = %s::regproc
"""
ROLES = ["anon", "authenticated", "service_role", "authenticator", *CRON_ALONE]
APPS = ["core", "jobs", "outbox", "ledger", "luckywalk"]
# What Supabase brings itself.
BROUGHT = [] if SUPABASE else ["auth", "extensions", "master_key"]


def as_owner(db: Database, statement: str, *parameters: object) -> None:
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(statement.encode(), parameters or None)


def build(db: Database, rpcs: Mapping[str, Sequence[str]], app: str = "shop") -> None:
    as_owner(db, "select core.revoke_public_execute(%s)", app)
    as_owner(db, "select core.build_wrappers(%s, %s)", app, json.dumps(rpcs))
    db.reload()


def signature(db: Database, name: str) -> dict[str, Any]:
    [row] = db.rows(SIGNATURE, name)
    return row


def rpcs_of(db: Database, name: str) -> int:
    return int(
        db.value(
            "select count(*) from pg_proc where pronamespace = 'api'::regnamespace and proname = %s", name
        )
    )


def test_every_rpc_has_the_arguments_result_volatility_and_comment_of_its_function(
    module_db: Database,
) -> None:
    rpcs = module_db.rows("select name, app from core.rpcs")
    assert len(rpcs) > 10
    for rpc in rpcs:
        inner = signature(module_db, f"{rpc['app']}.{rpc['name']}")
        outer = signature(module_db, f"api.{rpc['name']}")
        assert inner["comment"], rpc
        assert outer["definer"] is False, rpc
        assert outer["settings"][0] == "search_path=pg_catalog, pg_temp", rpc
        for part in ("arguments", "result", "volatility", "returns_set", "comment"):
            assert outer[part] == inner[part], (rpc, part)


def test_the_example_in_the_head_of_wrappers_is_the_text_that_is_made(module_db: Database) -> None:
    source = (ROOT / "functions/core/wrappers.sql").read_text(encoding="utf-8")
    example = [line.removeprefix("--     ") for line in source.splitlines() if line.startswith("--     ")]
    made = module_db.value("select core.wrapper_definition('luckywalk.claim_steps(integer,integer[])')")
    assert "\n".join(example) == made.strip()


def test_schema_api_holds_rpcs_and_nothing_else_that_can_be_called(module_db: Database) -> None:
    routines = module_db.rows("select proname from pg_proc where pronamespace = 'api'::regnamespace")
    rpcs = module_db.rows("select name as proname from core.rpcs")
    assert sorted(r["proname"] for r in routines) == sorted(d["proname"] for d in rpcs)


def test_public_may_execute_nothing_of_the_apps(module_db: Database) -> None:
    open_to_all = module_db.rows(
        "select p.oid::regprocedure::text from pg_proc as p "
        "cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a "
        "where a.grantee = 0 and p.pronamespace = any (%s::regnamespace[])",
        [*APPS, "api", *(schema for schema in BROUGHT if schema != "extensions")],
    )
    assert open_to_all == []


def test_public_and_clients_may_create_nothing_in_the_schemas(module_db: Database) -> None:
    for schema in [*APPS, "api", *BROUGHT, "test_clock"]:
        for role in ["public", *ROLES]:
            assert not module_db.value("select has_schema_privilege(%s, %s, 'create')", role, schema)


def test_each_rpc_opens_for_the_listed_roles_alone(module_db: Database) -> None:
    for rpc in module_db.rows("select name, app, roles from core.rpcs"):
        for schema in ("api", rpc["app"]):
            able = module_db.rows(
                "select r.rolname from pg_roles as r where r.rolname = any (%s) "
                "and has_function_privilege(r.oid, %s::regproc, 'execute') order by 1",
                ROLES,
                f"{schema}.{rpc['name']}",
            )
            assert [row["rolname"] for row in able] == sorted(rpc["roles"]), (schema, rpc)


def test_defaults_and_names_of_arguments_work_through_the_rpc(own_shop: Database) -> None:
    as_owner(
        own_shop,
        "create function shop.add(a integer, b integer default 2, c integer[] default '{}') "
        "returns integer language sql immutable return a + b + cardinality(c)",
    )
    build(own_shop, {"add": ["anon"]})
    assert own_shop.call(anon, "add", a=1).body == 3
    assert own_shop.call(anon, "add", b=5, a=1).body == 6
    assert own_shop.call(anon, "add", c=[7, 8], a=1).body == 5
    assert own_shop.get(anon, "add", a=1).body == 3


def test_an_rpc_may_return_rows_one_row_or_nothing(own_shop: Database) -> None:
    as_owner(own_shop, "create type api.goods as (good_id bigint, name text)")
    row = "row(1, 'pen')::api.goods"
    as_owner(own_shop, f"create function shop.one() returns api.goods language sql stable return {row}")
    as_owner(
        own_shop,
        "create function shop.all_goods() returns setof api.goods language sql stable "
        "as $$ select g, 'good ' || g from generate_series(1, 3) as g $$",
    )
    build(own_shop, {"one": ["anon"], "all_goods": ["anon"], "sleep": ["authenticated"]})
    assert own_shop.call(anon, "one").body == {"good_id": 1, "name": "pen"}
    assert [row["good_id"] for row in own_shop.call(anon, "all_goods").rows] == [1, 2, 3]
    assert own_shop.call(ME, "sleep", seconds=0).status == 204


def test_a_changed_signature_replaces_the_old_rpc(own_shop: Database) -> None:
    as_owner(own_shop, "drop function shop.divide(integer)")
    as_owner(
        own_shop,
        "create function shop.divide(num numeric, by numeric) returns numeric language sql return num / by",
    )
    build(own_shop, {"divide": ["authenticated"]})
    assert rpcs_of(own_shop, "divide") == 1
    assert float(own_shop.call(ME, "divide", num=1, by=4).body) == 0.25


def test_a_changed_result_or_volatility_changes_the_rpc(own_shop: Database) -> None:
    for result, volatility in (("bigint", "volatile"), ("text", "stable"), ("text", "volatile")):
        as_owner(own_shop, "drop function shop.divide(integer)")
        as_owner(
            own_shop,
            f"create function shop.divide(by integer) returns {result} language sql {volatility} "
            f"return (1 / by)::{result}",
        )
        build(own_shop, {"divide": ["authenticated"]})
        rpc = signature(own_shop, "api.divide")
        assert (rpc["result"], rpc["volatility"]) == (result, volatility[0])


def test_an_rpc_that_is_no_longer_listed_is_gone_and_other_apps_keep_theirs(own_shop: Database) -> None:
    build(own_shop, {"who": ["authenticated"]})
    left = [row["name"] for row in own_shop.rows("select name from core.rpcs where app = 'shop'")]
    assert left == ["who"]
    assert rpcs_of(own_shop, "divide") == 0
    assert own_shop.call(ME, "divide", by=1).code == "PGRST202"
    assert own_shop.call(ME, "my_balances").ok


def test_a_role_that_is_no_longer_listed_stays_outside(own_shop: Database) -> None:
    assert_says(own_shop.call(anon, "who"), "not_signed_in")
    build(own_shop, {"who": ["authenticated"]})
    assert own_shop.call(anon, "who").status == 401
    assert own_shop.call(service, "who").status == 403
    assert own_shop.call(ME, "who").ok
    assert not own_shop.value("select has_function_privilege('anon', 'shop.who()', 'execute')")


def test_building_the_rpcs_again_changes_nothing(own_shop: Database) -> None:
    catalog = (
        "select array_agg((p.oid, p.prosrc, p.proacl::text)::text order by p.oid) "
        "from pg_proc as p where pronamespace in ('api'::regnamespace, 'ledger'::regnamespace)"
    )
    before = own_shop.value(catalog)
    build(own_shop, {"my_balances": ["authenticated"]}, app="ledger")
    assert own_shop.value(catalog) == before


@pytest.mark.parametrize(
    ("rpcs", "error"),
    [
        ({"nothing": ["anon"]}, psycopg.errors.UndefinedFunction),
        ({"divide": ["nobody_of_that_name"]}, psycopg.errors.UndefinedObject),
        ({"my_balances": ["anon"]}, psycopg.Error),
    ],
)
def test_an_rpc_to_nothing_or_for_nobody_is_refused(
    rpcs: dict[str, list[str]], error: type[psycopg.Error], shop: Database
) -> None:
    with pytest.raises(error):
        build(shop, rpcs)
    assert shop.call(ME, "who").ok


def test_two_functions_of_one_name_are_ambiguous_and_refused(own_shop: Database) -> None:
    as_owner(own_shop, "create function shop.who(other text) returns text language sql return other")
    with pytest.raises(psycopg.errors.AmbiguousFunction):
        build(own_shop, {"who": ["anon"]})


def test_two_apps_cannot_have_an_rpc_of_the_same_name(own_shop: Database) -> None:
    as_owner(own_shop, "create function shop.my_balances() returns text language sql return 'mine'")
    with pytest.raises(psycopg.Error):
        build(own_shop, {"my_balances": ["authenticated"]})
    assert own_shop.call(ME, "my_balances").rows


def test_a_routine_that_public_may_execute_is_closed(own_shop: Database) -> None:
    as_owner(own_shop, "create function shop.fresh() returns text language sql return 'x'")
    as_owner(own_shop, "create procedure shop.fresh_procedure() language sql begin atomic select 1; end")
    for routine in ("shop.fresh()", "shop.fresh_procedure()"):
        as_owner(own_shop, f"grant execute on routine {routine} to public")
        assert own_shop.value("select has_function_privilege('public', %s, 'execute')", routine)
    as_owner(own_shop, "select core.revoke_public_execute('shop')")
    for routine in ("shop.fresh()", "shop.fresh_procedure()"):
        assert not own_shop.value("select has_function_privilege('public', %s, 'execute')", routine)


def test_policies_of_a_table_are_dropped_so_that_the_file_alone_says_which(own_shop: Database) -> None:
    as_owner(own_shop, "create table shop.goods (name text)")
    for name in ("one", '"Another policy"'):
        as_owner(own_shop, f"create policy {name} on shop.goods for select to anon using (true)")
    as_owner(own_shop, "select core.drop_policies('shop.goods')")
    assert own_shop.value("select count(*) from pg_policies where schemaname = 'shop'") == 0
