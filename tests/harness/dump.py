"""A database as text: by pg_dump, or by the server's own definitions where it is newer than pg_dump."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

import psycopg
from psycopg import sql

PROGRAM = shutil.which("pg_dump") or "/usr/lib/postgresql/15/bin/pg_dump"
NEWEST = 15  # the version of scripts/setup's pg_dump, which refuses a newer server

DEFINITIONS = """
with chosen as (
    select oid, nspname, nspowner, nspacl from pg_namespace
    where not starts_with(nspname, 'pg_') and nspname <> 'information_schema' and nspname <> all (%(but)s)
        and (%(only)s::text[] is null or nspname = any (%(only)s))
)
select format('SCHEMA %%I %%s %%s', nspname, nspowner::regrole, nspacl) from chosen
union all
select format('%%s %%s %%s', pg_get_functiondef(p.oid), p.proowner::regrole, p.proacl)
from pg_proc as p inner join chosen as n on n.oid = p.pronamespace where p.prokind in ('f', 'p')
union all
select format(
    '%%s %%s %%s %%s %%s %%s %%s %%s', c.relkind, c.oid::regclass, c.relowner::regrole, c.relacl,
    c.reloptions, c.relrowsecurity, c.relforcerowsecurity,
    case when c.relkind = 'v' then pg_get_viewdef(c.oid) end
)
from pg_class as c inner join chosen as n on n.oid = c.relnamespace where c.relkind <> 'i'
union all
select format(
    '%%s.%%I %%s %%s %%s %%s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), a.attacl
)
from pg_attribute as a
inner join pg_class as c on c.oid = a.attrelid
inner join chosen as n on n.oid = c.relnamespace
left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped and c.relkind <> 'i'
union all
select pg_get_indexdef(i.indexrelid)
from pg_index as i
inner join pg_class as c on c.oid = i.indrelid
inner join chosen as n on n.oid = c.relnamespace
union all
select format('%%s %%I %%s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
from pg_constraint as c inner join chosen as n on n.oid = c.connamespace
union all
select pg_get_triggerdef(t.oid)
from pg_trigger as t
inner join pg_class as c on c.oid = t.tgrelid
inner join chosen as n on n.oid = c.relnamespace
where not t.tgisinternal
union all
select format(
    '%%s %%I %%s %%s %%s %%s', p.polrelid::regclass, p.polname, p.polcmd, p.polroles::regrole[],
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
)
from pg_policy as p
inner join pg_class as c on c.oid = p.polrelid
inner join chosen as n on n.oid = c.relnamespace
order by 1
"""
TABLES = """
select format('%%I.%%I', schemaname, tablename) from pg_tables
where schemaname = any (%s) order by 1
"""


def schema(conninfo: str, *, without: str) -> str:
    """Every definition but those of one schema."""
    if not _too_new(conninfo):
        text = _pg_dump(conninfo, "--schema-only", "--exclude-schema", without)
        # Without the random word that newer programs put around it.
        return "\n".join(line for line in text.splitlines() if "restrict " not in line)
    with psycopg.connect(conninfo) as connection:
        return _definitions(connection, None, [without])


def whole(conninfo: str, schemas: Sequence[str]) -> str:
    """Definitions and rows of these schemas."""
    if not _too_new(conninfo):
        return _pg_dump(conninfo, *(f"--schema={name}" for name in schemas))
    with psycopg.connect(conninfo) as connection:
        texts = [_definitions(connection, schemas, [])]
        for (table,) in connection.execute(TABLES, [list(schemas)]).fetchall():
            with connection.cursor().copy(sql.SQL("copy {} to stdout").format(sql.SQL(table))) as rows:
                texts += [bytes(row).decode() for row in rows]
        return "\n".join(texts)


def _definitions(connection: psycopg.Connection, only: Sequence[str] | None, but: Sequence[str]) -> str:
    parameters = {"only": None if only is None else list(only), "but": list(but)}
    connection.execute("set search_path = ''")
    return "\n".join(row[0] for row in connection.execute(DEFINITIONS, parameters))


def _too_new(conninfo: str) -> bool:
    with psycopg.connect(conninfo) as connection:
        return connection.info.server_version // 10000 > NEWEST


def _pg_dump(conninfo: str, *arguments: str) -> str:
    command = [PROGRAM, "--dbname", conninfo, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
