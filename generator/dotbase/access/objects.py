"""What a database has that somebody could have a right on: the rows of the access matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import psycopg

Kind = Literal["schema", "table", "view", "rpc", "function", "sequence"]
EXPOSED = "api"

SCHEMAS = """
select 'schema', n.nspname::text, n.nspname::text, n.nspname::text, '{}'::text[]
from pg_catalog.pg_namespace as n
where n.nspname = any (%(schemas)s)
"""

# Partitions are reached through their parent and have no row of their own.
RELATIONS = """
select
    case
        when c.relkind in ('v', 'm') then 'view'
        when c.relkind = 'S' then 'sequence'
        else 'table'
    end,
    n.nspname::text,
    c.relname::text,
    pg_catalog.format('%%I.%%I', n.nspname, c.relname),
    case when c.relkind = 'S' then '{}' else array(
        select a.attname::text
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    ) end
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s)
    and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
    and not c.relispartition
"""

ROUTINES = """
select
    case when n.nspname = %(exposed)s then 'rpc' else 'function' end,
    n.nspname::text,
    p.proname::text,
    pg_catalog.format(
        '%%I.%%I(%%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)
    ),
    '{}'::text[]
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname = any (%(schemas)s)
"""

OBJECTS = f"{SCHEMAS} union all {RELATIONS} union all {ROUTINES} order by 4"


@dataclass(frozen=True)
class AccessObject:
    """One object: its name in its schema, and the name that is printed, with a routine's arguments."""

    kind: Kind
    schema: str
    name: str
    title: str
    columns: tuple[str, ...]


def things(connection: psycopg.Connection[Any], schemas: list[str]) -> list[AccessObject]:
    """Every object of these schemas, by name."""
    rows = connection.execute(OBJECTS, {"schemas": schemas, "exposed": EXPOSED}).fetchall()
    return [
        AccessObject(kind, schema, name, title, tuple(columns)) for kind, schema, name, title, columns in rows
    ]
