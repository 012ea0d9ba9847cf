"""Functions and procedures, and what plpgsql_check finds in their bodies."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row, tuple_row

Connection = psycopg.Connection[Any]

ROUTINES = """
select
    n.nspname::text as schema,
    p.proname::text as name,
    pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments,
    pg_catalog.format(
        '%%I.%%I(%%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)
    ) as title,
    pg_catalog.pg_get_function_result(p.oid) as result
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
"""
OF_SCHEMAS = f"""{ROUTINES}
where n.nspname = any (%(schemas)s)
order by n.nspname, p.proname, p.oid
"""
ELSEWHERE = f"""{ROUTINES}
where pg_catalog.pg_get_userbyid(p.proowner) = %(owner)s and n.nspname <> all (%(schemas)s)
order by n.nspname, p.proname, p.oid
"""

IN_PLPGSQL = """
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
inner join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
"""
COUNT_IN_PLPGSQL = f"""
select pg_catalog.count(*)
{IN_PLPGSQL}
where n.nspname = any (%(schemas)s)
"""
# A trigger function is checked once for every table it is on. The checker is found where the path leads: in a
# database of ours alone.
CHECK = f"""
select
    p.oid::pg_catalog.regprocedure::text as routine,
    c.lineno as line, c.level, c.sqlstate, c.message, c.detail, c.hint
{IN_PLPGSQL}
left join pg_catalog.pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
cross join lateral plpgsql_check_function_tb(
    p.oid, coalesce(t.tgrelid, 0), newtable => t.tgnewtable, oldtable => t.tgoldtable,
    fatal_errors => false, extra_warnings => true, security_warnings => true
) as c
where n.nspname = any (%(schemas)s)
    and (p.prorettype <> 'trigger'::pg_catalog.regtype or t.tgrelid is not null)
order by 1, 2
"""
# Errors alone, of routines given by id.
ERRORS = f"""
select p.oid, c.lineno as line, c.sqlstate, c.message
{IN_PLPGSQL}
left join pg_catalog.pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
cross join lateral {{checker}}.plpgsql_check_function_tb(
    p.oid, coalesce(t.tgrelid, 0), newtable => t.tgnewtable, oldtable => t.tgoldtable,
    fatal_errors => false, other_warnings => false, performance_warnings => false, extra_warnings => false
) as c
where p.oid = any (%(ids)s) and c.level = 'error'
    and p.prorettype <> 'pg_catalog.event_trigger'::pg_catalog.regtype
    and (p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype or t.tgrelid is not null)
order by 1, 2
"""
CHECKER = """
select pg_catalog.quote_ident(n.nspname)
from pg_catalog.pg_extension as e
inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
where e.extname = 'plpgsql_check' and pg_catalog.has_schema_privilege(n.oid, 'usage')
"""


@dataclass(frozen=True)
class Routine:
    """A function or procedure.

    arguments: as they tell it from others of its name.
    title:     schema, name and arguments, quoted where they need it.
    result:    the type that it returns; a procedure has none.
    """

    schema: str
    name: str
    arguments: str
    title: str
    result: str | None


@dataclass(frozen=True)
class BodyFinding:
    """What plpgsql_check says of a line of a body."""

    routine: str
    line: int | None
    level: str
    sqlstate: str
    message: str
    detail: str | None
    hint: str | None


def of_schemas(connection: Connection, schemas: Collection[str]) -> list[Routine]:
    """The routines of these schemas."""
    cursor = connection.cursor(row_factory=class_row(Routine))
    return cursor.execute(OF_SCHEMAS.encode(), {"schemas": list(schemas)}).fetchall()


def elsewhere(connection: Connection, owner: str, schemas: Collection[str]) -> list[Routine]:
    """The routines of an owner that are in none of these schemas."""
    cursor = connection.cursor(row_factory=class_row(Routine))
    return cursor.execute(ELSEWHERE.encode(), {"owner": owner, "schemas": list(schemas)}).fetchall()


def count_in_plpgsql(connection: Connection, schemas: Collection[str]) -> int:
    """How many routines of these schemas plpgsql_check can read."""
    cursor = connection.cursor(row_factory=tuple_row)
    [(count,)] = cursor.execute(COUNT_IN_PLPGSQL.encode(), {"schemas": list(schemas)}).fetchall()
    return int(count)


@contextmanager
def checker(connection: Connection) -> Iterator[str | None]:
    """The schema that plpgsql_check is in, quoted; brought, where that is possible, while the block lasts.

    None where it is neither there nor to be had: its library has to be on the server, and a superuser asks.
    """
    with connection.transaction(force_rollback=True):
        found = connection.execute(CHECKER.encode()).fetchone()
        if found is None:
            try:
                with connection.transaction():
                    acting = connection.execute("select pg_catalog.current_setting('role')").fetchone()
                    assert acting is not None
                    connection.execute("set local role none")
                    connection.execute("create schema dotbase_check")
                    connection.execute("create extension plpgsql_check with schema dotbase_check")
                    connection.execute("grant usage on schema dotbase_check to public")
                    connection.execute("select pg_catalog.set_config('role', %s, true)", list(acting))
                found = connection.execute(CHECKER.encode()).fetchone()
            except psycopg.Error:
                if connection.broken:
                    raise
        yield found[0] if found is not None else None


def errors_in_bodies(schema: str) -> str:
    """The query for what plpgsql_check, in this schema, calls an error: of the routines `ids`.

    Its columns are the routine's id, line, SQLSTATE and message. To be run as the routines' owner: planning
    what is in a body runs functions that it names.
    """
    return ERRORS.format(checker=schema)


def check_bodies(connection: Connection, schemas: Collection[str]) -> list[BodyFinding]:
    """What plpgsql_check finds in the routines of these schemas; the extension has to be there."""
    cursor = connection.cursor(row_factory=class_row(BodyFinding))
    return cursor.execute(CHECK.encode(), {"schemas": list(schemas)}).fetchall()
