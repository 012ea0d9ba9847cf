"""plpgsql_check on every routine of a freshly built database, triggers with their tables."""

from __future__ import annotations

from typing import Any

import psycopg

from dotbase.errors import DotbaseError
from dotbase.lint import Section
from dotbase.render.project import Project

# A trigger function is checked once for every table it is on.
CHECK = """
select p.oid::regprocedure::text, c.lineno, c.level, c.sqlstate, c.message, c.detail, c.hint
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
inner join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
left join pg_catalog.pg_trigger as t on t.tgfoid = p.oid and not t.tgisinternal
cross join lateral plpgsql_check_function_tb(
    p.oid, coalesce(t.tgrelid, 0), newtable => t.tgnewtable, oldtable => t.tgoldtable,
    fatal_errors => false, extra_warnings => true, security_warnings => true
) as c
where n.nspname = any (%s)
    and (p.prorettype <> 'trigger'::regtype or t.tgrelid is not null)
order by 1, 2
"""

COUNT = """
select count(*)
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
where p.pronamespace::regnamespace::text = any (%s)
"""


def check(connection: psycopg.Connection[Any], project: Project) -> Section:
    """What the checker says of each routine."""
    schemas = [*project.apps, "api", "auth"]
    try:
        connection.execute("create extension if not exists plpgsql_check")
    except psycopg.Error as error:
        raise DotbaseError(
            f"plpgsql_check cannot be used: {error.diag.message_primary}",
            "run `make setup`, then `dotbase db stop` and `dotbase db start`",
        ) from None
    count = connection.execute(COUNT, [schemas]).fetchone()
    section = Section("plpgsql_check", f"{count[0] if count else 0} routines")
    for routine, line, level, sqlstate, message, detail, hint in connection.execute(CHECK, [schemas]):
        more = " ".join(text for text in (detail, hint) if text)
        section.findings.append(f"{routine}: line {line}: {level} {sqlstate} {message} {more}".rstrip())
    return section
