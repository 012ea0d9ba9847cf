"""pg_cron in a database: whether it is there, its lines, and what it granted when it was installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog.facts.items import Key
from dotbase.catalog.facts.queries import Scope, grants, query

Connection = psycopg.Connection[Any]

# Where there is no pg_cron, the owner may have made a schema of that name.
INSTALLED = """
select
from pg_catalog.pg_depend as d
inner join pg_catalog.pg_extension as e on e.oid = d.refobjid and e.extname = 'pg_cron'
where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = pg_catalog.to_regclass('cron.job')
    and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e'
"""
LINES = """
select
    jobid, jobname, schedule, command, username, active,
    nullif(database, pg_catalog.current_database()),
    case when nodeport <> pg_catalog.current_setting('port')::integer
        or (nodename not in ('', 'localhost', '127.0.0.1', '::1') and nodename !~ '^/')
    then nodename || ':' || nodeport::text end
from cron.job
order by jobid
"""

# What `create extension` itself granted, by the kind and name that the reader gives the object.
GRANTED = query(
    """
select 'schema', n.name, $of_schema
from pg_catalog.pg_namespace as x
inner join schemas as n on n.oid = x.oid
left join pg_catalog.pg_init_privs as i
    on i.classoid = 'pg_catalog.pg_namespace'::regclass and i.objoid = x.oid and i.objsubid = 0
where x.nspname = 'cron'
union all
select
    case x.relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end,
    n.name || '.' || quote_ident(x.relname),
    case x.relkind when 'S' then $of_sequence else $of_table end
from pg_catalog.pg_class as x
inner join schemas as n on n.oid = x.relnamespace
left join pg_catalog.pg_init_privs as i
    on i.classoid = 'pg_catalog.pg_class'::regclass and i.objoid = x.oid and i.objsubid = 0
where n.name = 'cron' and x.relkind in ('r', 'v', 'S')
union all
select 'function', x.oid::regprocedure::text, $of_function
from pg_catalog.pg_proc as x
inner join schemas as n on n.oid = x.pronamespace
left join pg_catalog.pg_init_privs as i
    on i.classoid = 'pg_catalog.pg_proc'::regclass and i.objoid = x.oid and i.objsubid = 0
where n.name = 'cron'
""",
    of_schema=grants("i.initprivs", "n", "x.nspowner"),
    of_sequence=grants("i.initprivs", "s", "x.relowner"),
    of_table=grants("i.initprivs", "r", "x.relowner"),
    of_function=grants("i.initprivs", "f", "x.proowner"),
)


@dataclass(frozen=True)
class Line:
    """A line of pg_cron; database and server where they are others than ours."""

    jobid: int
    name: str | None
    schedule: str
    command: str
    user: str
    active: bool
    database: str | None
    server: str | None


def is_installed(connection: Connection) -> bool:
    """Whether cron.job is pg_cron's own table."""
    return connection.execute(INSTALLED).rowcount > 0


def visible_lines(connection: Connection, cron_role: str) -> list[Line]:
    """All lines that may be seen; as pg_cron's role, unless we are superuser and see everybody's."""
    superuser = connection.execute("select pg_catalog.current_setting('is_superuser')").fetchone()
    if superuser != ("on",):
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(cron_role)))
    rows = connection.execute(LINES).fetchall()
    connection.execute("set local role none")
    return [Line(*row) for row in rows]


def granted_by_extension(connection: Connection, scope: Scope) -> dict[Key, dict[str, str]]:
    """Facts about grants of pg_cron's members, as `create extension` made them."""
    rows = connection.execute(GRANTED.encode(), scope.parameters).fetchall()
    return {(kind, name): facts for kind, name, facts in rows}
