"""What a removed declaration leaves behind in tables: errors, settings, jobs, RPCs and grants of an app."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from dotbase.migrate.plan import table_of
from dotbase.migrate.recording import note

Connection = psycopg.Connection[Any]

# How the key of a declaration ends -> routine that takes it, and an empty declaration.
EMPTY = (
    (r"functions/[^/]+/errors\.yaml", "core.declare_errors(text,jsonb)", "[]"),
    (r"functions/[^/]+/settings\.yaml", "core.declare_settings(text,jsonb)", "[]"),
    (r"cron/[^/]+\.yaml", "jobs.declare(text,jsonb)", "[]"),
    (r"policies/[^/]+\.yaml#rpcs", "core.build_wrappers(text,jsonb)", "{}"),
)

REVOKE = """
select distinct pg_catalog.format('revoke all on table %%s from %%s', c.oid::regclass,
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral (
    select x.grantee from pg_catalog.aclexplode(c.relacl) as x
    union
    select x.grantee
    from pg_catalog.pg_attribute as t
    cross join lateral pg_catalog.aclexplode(t.attacl) as x
    where t.attrelid = c.oid
) as a
where n.nspname = %s and c.relname = %s and c.relkind in ('r', 'p') and a.grantee <> c.relowner
"""

# Of each routine of an app: what others than its owner may do with it.
REVOKE_ROUTINES = """
select distinct pg_catalog.format('revoke all on routine %%s from %%s', p.oid::regprocedure,
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end)
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
cross join lateral pg_catalog.aclexplode(p.proacl) as a
where n.nspname = %s and a.grantee <> p.proowner
"""


def start_over(connection: Connection, key: str, app: str) -> None:
    """Take back what grants on routines an older text gave, before the newer one gives its own."""
    if key == f"policies/{app}.yaml#grants":
        for (statement,) in connection.execute(REVOKE_ROUTINES, [app]).fetchall():
            connection.execute(statement.encode())


def undeclare(
    connection: Connection, key: str, app: str, *, keep_settings: bool, undoing: bool = False
) -> None:
    """Declare nothing in place of a removed declaration. Settings may stay: people chose their values.

    undoing: in a rollback, where a routine that was kept may be newer than the tables.
    """
    for pattern, routine, empty in EMPTY:
        if not re.fullmatch(pattern, key) or (keep_settings and "settings" in routine):
            continue
        found = connection.execute("select pg_catalog.to_regprocedure(%s) is not null", [routine]).fetchone()
        if found == (True,):
            name = routine.partition("(")[0]
            statement = f"select {name}(%s, %s::jsonb)"
            try:
                with connection.transaction():
                    connection.execute(statement.encode(), [app, empty])
            except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable):
                if not undoing:
                    raise
                # The routine that was kept is of a version that is undone; its down-file has the last word.
                continue
            note(connection, statement, [app, empty])
    start_over(connection, key, app)
    table = table_of(key)
    if table is not None:
        for (statement,) in connection.execute(REVOKE, table.split(".")).fetchall():
            connection.execute(statement.encode())
