"""Bodies of routines that do not parse, found by each language's own validator before anything is committed.

Files run with `check_function_bodies = off`, as they may name what comes later. At the end all exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import psycopg
from psycopg import sql

from dotbase.migrate.failures import StepError, place
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]

# Routines that this transaction made or replaced. A dependency on the schema is written anew then, and not by
# grants or comments; the ids of our own transaction are visible and yet in progress. C has nothing to parse.
MADE = """
select
    pg_catalog.quote_ident(v.nspname) || '.' || pg_catalog.quote_ident(v.proname),
    (
        select pg_catalog.substr(s, 13)
        from unnest(p.proconfig) as s
        where s like 'search_path=%%'
    ),
    p.oid, p.oid::regprocedure::text, n.nspname || '.' || p.proname, p.prosrc
from pg_catalog.pg_depend as d
inner join pg_catalog.pg_namespace as n on n.oid = d.refobjid
inner join pg_catalog.pg_proc as p on p.oid = d.objid
inner join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname not in ('internal', 'c')
inner join (
    select f.oid, f.proname, s.nspname
    from pg_catalog.pg_proc as f inner join pg_catalog.pg_namespace as s on s.oid = f.pronamespace
) as v on v.oid = l.lanvalidator
cross join (select pg_catalog.pg_current_xact_id()::text::bigint as top) as t
where d.classid = 'pg_proc'::regclass
    and d.refclassid = 'pg_namespace'::regclass
    and n.nspname not like 'pg\\_%%'
    and n.nspname not in ('information_schema', 'dotbase')
    and pg_catalog.age(d.xmin) <= 0
    and pg_catalog.pg_has_role(p.proowner, 'usage')
    and pg_catalog.pg_xact_status(
        (t.top + ((d.xmin::text::bigint - (t.top & 4294967295)) & 4294967295))::text::xid8
    ) = 'in progress'
order by 1, 2 nulls first, 3
"""

# Without a path of its own a routine finds by its caller's: by the usual one.
PATH = """
select pg_catalog.set_config('search_path', coalesce(%s, s.reset_val), true)
from pg_catalog.pg_settings as s
where s.name = 'search_path'
"""


@dataclass(frozen=True)
class Broken:
    """A routine whose body its language refuses.

    step: whose text made it, where that is known.
    """

    error: StepError
    step: Step | None


@dataclass(frozen=True)
class _Routine:
    validator: str
    path: str | None
    oid: int
    signature: str
    name: str
    body: str


def require(connection: Connection, steps: Sequence[Step]) -> None:
    """Refuse the first body that does not parse, of the routines that this transaction made."""
    for found in broken(connection, steps):
        raise found.error


def broken(connection: Connection, steps: Sequence[Step]) -> Iterator[Broken]:
    """What the validators refuse of the routines that this transaction made, with the place in the steps."""
    routines = [_Routine(*row) for row in connection.execute(MADE.encode(), {}).fetchall()]
    for (validator, path), group in groupby(routines, key=lambda one: (one.validator, one.path)):
        together = list(group)
        if _refusal(connection, validator, path, together) is None:
            continue
        for routine in together:
            error = _refusal(connection, validator, path, [routine])
            if error is not None:
                yield _broken(routine, error, steps)


def _refusal(
    connection: Connection, validator: str, path: str | None, routines: Sequence[_Routine]
) -> psycopg.Error | None:
    """What the validator says, found by the path that the routines themselves are run with."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local check_function_bodies = on")
            connection.execute(PATH.encode(), [path])
            connection.execute(
                sql.SQL("select {}(r) from pg_catalog.unnest(%s::pg_catalog.oid[]) as r").format(
                    sql.SQL(validator)  # quoted by the server
                ),
                [[routine.oid for routine in routines]],
            )
    except psycopg.Error as error:
        if connection.broken:
            raise
        return error
    return None


def _broken(routine: _Routine, error: psycopg.Error, steps: Sequence[Step]) -> Broken:
    said = (error.diag.message_primary or str(error)).strip()
    inside = _position(routine.body, error)
    step, position = _home(routine, steps)
    where = place(step, position + inside) if step is not None else None
    what = f"{said} — in {routine.signature}"
    return Broken(StepError(what, "correct the function's text", where, error.sqlstate), step)


def _position(body: str, error: psycopg.Error) -> int:
    """Where in the body the error is, from 0."""
    diagnostic = error.diag
    if diagnostic.internal_position is not None and diagnostic.internal_query == body:
        return int(diagnostic.internal_position) - 1
    return 0


def _home(routine: _Routine, steps: Sequence[Step]) -> tuple[Step | None, int]:
    """The step that holds the body, and where it begins there; the last one, which is the one in force."""
    named: tuple[Step | None, int] = (None, 0)
    for step in reversed(steps):
        at = step.sql.find(routine.body) if routine.body.strip() else -1
        while at >= 0:
            head = step.sql[step.sql.lower().rfind("create", 0, at) : at]
            if routine.name in head:
                return step, at
            at = step.sql.find(routine.body, at + 1)
        if named[0] is None and routine.name in step.sql:
            named = step, step.sql.index(routine.name)
    return named
