"""A step that is applied alone, because it alone has changed, leaves every right as all steps together do."""

from __future__ import annotations

import pytest

from dotbase.render.steps import Step
from tests.harness import templates
from tests.harness.databases import Database
from tests.harness.declared import APPS
from tests.harness.target import OWNER, SUPABASE

RIGHTS = """
    select n.nspname as of, '' as part, (aclexplode(n.nspacl)).*
    from pg_namespace as n
    where n.nspname = any (%(schemas)s)
    union all
    select c.oid::regclass::text, '', (aclexplode(c.relacl)).*
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace and n.nspname = any (%(schemas)s)
    where not c.relispartition
    union all
    select c.oid::regclass::text, a.attname, (aclexplode(a.attacl)).*
    from pg_attribute as a
    inner join pg_class as c on c.oid = a.attrelid
    inner join pg_namespace as n on n.oid = c.relnamespace and n.nspname = any (%(schemas)s)
"""
OPEN_TO_ALL = """
    select p.oid::regprocedure::text
    from pg_proc as p
    inner join pg_namespace as n on n.oid = p.pronamespace
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where n.nspname = any (%(schemas)s) and a.grantee = 0
"""


@pytest.fixture(scope="module")
def steps(module_db: Database) -> list[Step]:
    return [step for step in templates.steps(module_db.server) if step.kind == "repeatable"]


def rights(db: Database, names: dict[str, list[str]]) -> set[str]:
    """Who has what, but for the owner, who may do everything anyhow."""
    owner = db.value("select %s::regrole::oid", OWNER)
    return {str(row) for row in db.owner.execute(RIGHTS, names) if row["grantee"] != owner}


def schemas(app: str) -> list[str]:
    # On Supabase, schema auth is not ours to open or to close.
    return [app, "api", *(["auth"] if app == "core" and not SUPABASE else [])]


@pytest.mark.parametrize("app", APPS)
def test_every_file_of_routines_takes_execute_away_from_everybody(
    module_db: Database, steps: list[Step], app: str
) -> None:
    # Types are dropped before they are made again, and have no routines.
    files = [step for step in steps if step.app == app and step.key.endswith(".sql")]
    files = [step for step in files if not step.key.endswith("/types.sql")]
    assert files
    for step in files:
        with module_db.owner.transaction(force_rollback=True):
            closed = [one for one in schemas(app) if one != "auth" or step.key.endswith("/auth.sql")]
            for schema in closed:
                module_db.owner.execute(
                    f"grant execute on all routines in schema {schema} to public".encode()
                )
            module_db.owner.execute("set local check_function_bodies = off")
            module_db.owner.execute(f"set local role {OWNER}".encode())
            module_db.owner.execute(step.sql.encode())
            left = module_db.owner.execute(OPEN_TO_ALL, {"schemas": closed}).fetchall()
            assert left == [], step.key


@pytest.mark.parametrize("app", APPS)
def test_the_lines_of_a_table_give_no_more_when_they_alone_are_applied(
    module_db: Database, steps: list[Step], app: str
) -> None:
    tables = [step for step in steps if step.app == app and "#tables." in step.key]
    assert tables
    for step in tables:
        with module_db.owner.transaction(force_rollback=True):
            names = {"schemas": schemas(app)}
            before = rights(module_db, names)
            module_db.owner.execute(f"set local role {OWNER}".encode())
            module_db.owner.execute(step.sql.encode())
            assert rights(module_db, names) - before == set(), step.key
