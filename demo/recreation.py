"""An empty database for the demo, in place of what an earlier demo left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dotbase.connection import connect
from dotbase.errors import DotbaseError
from dotbase.render.project import Project

ROOT = Path(__file__).resolve().parent.parent

MARK = "Made by `make demo`, which makes it anew as long as it is as the demo left it"

# What a person adds: objects, people, a release, a setting. Not what live schedules do every day.
CONTENT = """
select md5(string_agg(things.thing, ',' order by things.thing))
from (
    select format('%s %s.%s', c.relkind, n.nspname, c.relname)
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname !~ '^(pg_|information_schema$)'
        and not c.relispartition
        and c.relkind not in ('i', 'I', 't')
    union all
    select format('%s %s', p.oid::regprocedure, md5(p.prosrc))
    from pg_proc as p
    inner join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname !~ '^(pg_|information_schema$)'
    union all select nspname::text from pg_namespace where nspname !~ '^pg_'
    union all select format('profiles %s', count(*)) from luckywalk.user_profiles
    union all select format('daily_progress %s', count(*)) from luckywalk.daily_progress
    union all select format('claims %s', count(*)) from luckywalk.claims
    union all select format('settings %s', count(*)) from core.setting_changes
    union all select format('releases %s', count(*)) from dotbase.releases
) as things (thing)
"""

# Tables that a migration fills itself; any row elsewhere is somebody's data.
TABLES_OF_OTHERS = """
select format('%I.%I', n.nspname, c.relname)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
    and not c.relispartition
    and n.nspname not in (
        'pg_catalog', 'information_schema', 'core', 'jobs', 'cron', 'dotbase', 'test_clock', 'master_key'
    )
    and format('%I.%I', n.nspname, c.relname) <> 'ledger.accounts'
    and not exists (
        select
        from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by 1
"""

# Schemas beside the apps' that a migration or the local server makes.
AROUND = ["information_schema", "api", "auth", "cron", "dotbase", "extensions", "test_clock", "master_key"]
OBJECTS_OF_OTHERS = """
select format('%%I.%%I', n.nspname, o.name)
from (
    select oid, 'pg_class'::regclass, relnamespace, relname from pg_class
    union all select oid, 'pg_proc'::regclass, pronamespace, proname from pg_proc
) as o (oid, catalog, namespace, name)
inner join pg_namespace as n on n.oid = o.namespace
where not n.nspname = any (%s)
    and n.nspname !~ '^pg_'
    and not exists (
        select
        from pg_depend as d
        where d.classid = o.catalog and d.objid = o.oid and d.deptype in ('e', 'i')
    )
order by 1
limit 1
"""

OTHER_SESSIONS = """
select pg_terminate_backend(pid, 5000)
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
LAUNCHER = "select from pg_stat_activity where backend_type = 'pg_cron launcher'"
EXTENSIONS = "select extname from pg_extension where extname <> 'plpgsql' order by 1"
SCHEMAS = "select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' order by 1"


def recreate(url: str, *, may_drop_data: bool) -> None:
    """Make the database of this URL, or make it anew; refuses where there is data that no demo made."""
    name = str(conninfo_to_dict(url).get("dbname") or "")
    if not name or name in ("postgres", "template0", "template1"):
        raise DotbaseError(
            f"the demo makes its database anew, and will not do that to `{name}`",
            "name a database of its own in the URL",
        )
    identifier = sql.Identifier(name)
    with connect(make_conninfo(url, dbname="postgres")) as server:
        row = server.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", [name]
        ).fetchone()
        if row is not None and not may_drop_data and (what := _of_others(url, row[0])):
            raise DotbaseError(
                f"the database {name} holds what no demo made: {what}",
                "say --yes (make demo DEMO_ARGS=--yes) to drop it, or name another with --database-url",
            )
        if row is not None and _is_pg_crons(server, name):
            _empty(url)
        else:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
            server.execute(sql.SQL("create database {}").format(identifier))
        server.execute(sql.SQL("comment on database {} is {}").format(identifier, sql.Literal(MARK + ".")))


def remember(url: str) -> None:
    """Write down how the demo leaves its database: what comes later is somebody's own."""
    name = sql.Identifier(str(conninfo_to_dict(url).get("dbname")))
    with connect(url) as connection:
        mark = sql.Literal(f"{MARK}: {_content(connection)}")
        connection.execute(sql.SQL("comment on database {} is {}").format(name, mark))


def _of_others(url: str, mark: str | None) -> str | None:
    """What in the database no demo made, or None."""
    with connect(url) as connection:
        if not (mark or "").startswith(f"{MARK}: "):
            return _table_with_rows(connection) or _object_of_others(connection)
        same = mark == f"{MARK}: {_content(connection)}"
        return None if same else "what was added or changed after the demo"


def _content(connection: psycopg.Connection[Any]) -> str:
    try:
        row = connection.execute(CONTENT).fetchone()
    except psycopg.errors.UndefinedTable:
        return "something else"
    return str(row and row[0])


def _object_of_others(connection: psycopg.Connection[Any]) -> str | None:
    row = connection.execute(OBJECTS_OF_OTHERS, [[*Project(ROOT).apps, *AROUND]]).fetchone()
    return str(row[0]) if row else None


def pg_cron_runs(url: str) -> bool:
    """Whether the server has pg_cron's launcher: without it, schedules are rows and no more."""
    with connect(url) as connection:
        return connection.execute(LAUNCHER).rowcount > 0


def _empty(url: str) -> None:
    """Drop all that is in the database, but not it: pg_cron's launcher would end with its database, and
    comes back with the server only.
    """
    with connect(url) as connection, connection.transaction():
        connection.execute(OTHER_SESSIONS)
        for (extension,) in connection.execute(EXTENSIONS).fetchall():
            connection.execute(sql.SQL("drop extension {} cascade").format(sql.Identifier(extension)))
        for (schema,) in connection.execute(SCHEMAS).fetchall():
            connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
        connection.execute("create schema public authorization pg_database_owner")
        connection.execute("grant usage on schema public to public")
        connection.execute("comment on schema public is 'standard public schema'")


def _is_pg_crons(server: psycopg.Connection[Any], name: str) -> bool:
    row = server.execute("select current_setting('cron.database_name', true)").fetchone()
    return row == (name,)


def _table_with_rows(connection: psycopg.Connection[Any]) -> str | None:
    for (table,) in connection.execute(TABLES_OF_OTHERS).fetchall():
        if connection.execute(f"select from {table} limit 1").rowcount:
            return f"rows in {table}"
    return None
