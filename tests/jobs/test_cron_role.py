"""pg_cron's role can do one thing: call jobs.run. It reads no table and owns no data."""

from __future__ import annotations

import pytest
import yaml

from tests.harness.databases import Database
from tests.harness.refusals import refused
from tests.harness.server import ROOT
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("on Supabase pg_cron's lines are the owner's, `postgres`")

APPS = ["core", "jobs", "outbox", "ledger", "luckywalk"]
SCHEMAS = [*APPS, "api", "auth", "extensions", "master_key", "test_clock"]
TABLES = """
select c.oid::regclass::text as name
from pg_class as c
where c.relnamespace = any (%s::regnamespace[])
    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    and has_table_privilege('dotbase_cron', c.oid, 'select, insert, update, delete, truncate, references')
"""
COLUMNS = """
select c.oid::regclass::text as name
from pg_class as c
where c.relnamespace = any (%s::regnamespace[])
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and has_any_column_privilege('dotbase_cron', c.oid, 'select, insert, update, references')
"""
ROUTINES = """
select n.nspname || '.' || p.proname as name
from pg_proc as p
inner join pg_namespace as n on n.oid = p.pronamespace
where p.pronamespace = any (%s::regnamespace[])
    and has_function_privilege('dotbase_cron', p.oid, 'execute')
"""


def names(db: Database, query: str, schemas: list[str]) -> set[str]:
    present = [s for s in schemas if db.value("select to_regnamespace(%s) is not null", s)]
    return {row["name"] for row in db.rows(query, present)}


def test_it_has_no_right_on_any_table_or_column(module_db: Database) -> None:
    assert names(module_db, TABLES, SCHEMAS) == set()
    assert names(module_db, COLUMNS, SCHEMAS) == set()


def test_it_executes_what_the_policies_name_and_nothing_else(module_db: Database) -> None:
    allowed = set()
    for app in APPS:
        policies = yaml.safe_load((ROOT / "policies" / f"{app}.yaml").read_text())
        for name, roles in policies.get("functions", {}).items():
            allowed |= {f"{app}.{name}"} if "cron" in roles else set()
    schemas = [s for s in SCHEMAS if s != "extensions"]
    assert names(module_db, ROUTINES, schemas) == allowed


def test_it_may_become_no_other_role_and_has_no_attribute(module_db: Database) -> None:
    [role] = module_db.rows(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, "
        "(select count(*) from pg_auth_members where member = r.oid) as memberships "
        "from pg_roles as r where rolname = 'dotbase_cron'"
    )
    assert not any(role.values())
    assert module_db.value("select rolpassword is null from pg_authid where rolname = 'dotbase_cron'")


def test_it_owns_nothing(module_db: Database) -> None:
    """Fault 42. What it owned, it could change, and the owner or a superuser would run it."""
    owned = module_db.rows(
        "select s.classid::regclass::text || ' ' || s.objid::regprocedure::text as what "
        "from pg_shdepend as s inner join pg_database as d on d.oid = s.dbid "
        "where s.refobjid = 'dotbase_cron'::regrole and s.deptype = 'o' and d.datname = current_database() "
        "order by 1"
    )
    assert [row["what"] for row in owned] == []


@pytest.mark.parametrize(
    "statement",
    [
        "select * from jobs.jobs",
        "select * from jobs.runs",
        "select * from luckywalk.tickets",
        "select * from core.secrets",
        "select core.secret('x')",
        "select luckywalk.create_new_round()",
        "select luckywalk.draw_apply_results()",
        "select jobs.set_live(true)",
        "select jobs.declare('x', '[]')",
        "select ledger.post_many('{}')",
        "create table jobs.mine ()",
        "create schema mine",
        "create function public.mine() returns integer language sql return 1",
        "set role dotbase_owner",
        "set role authenticated",
        "set session_replication_role = replica",
    ],
)
def test_what_it_tries_beyond_that_is_refused(statement: str, module_db: Database) -> None:
    with module_db.as_cron() as cron, refused("42501"):
        cron.execute(statement.encode())
