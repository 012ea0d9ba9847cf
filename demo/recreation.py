"""An empty database for the demo, in place of what an earlier demo left."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dotbase.connection import connect
from dotbase.errors import DotbaseError

MARK = "Made by `make demo`; the next demo drops it."

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
        if row is not None and row[0] != MARK and not may_drop_data and (table := _table_with_rows(url)):
            raise DotbaseError(
                f"the database {name} holds data that no demo made, in {table}",
                "say --yes (make demo DEMO_ARGS=--yes) to drop it, or name another with --database-url",
            )
        if row is not None and _is_pg_crons(server, name):
            _empty(url)
        else:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
            server.execute(sql.SQL("create database {}").format(identifier))
        server.execute(sql.SQL("comment on database {} is {}").format(identifier, sql.Literal(MARK)))


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


def _is_pg_crons(server: psycopg.Connection[Any], name: str) -> bool:
    row = server.execute("select current_setting('cron.database_name', true)").fetchone()
    return row == (name,)


def _table_with_rows(url: str) -> str | None:
    with connect(url) as connection:
        for (table,) in connection.execute(TABLES_OF_OTHERS).fetchall():
            if connection.execute(f"select from {table} limit 1").rowcount:
                return str(table)
    return None
