"""Tables, views and sequences, with their columns.

Partitions are reached through their parent and are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]

RELATIONS = """
select
    case
        when c.relkind in ('v', 'm') then 'view'
        when c.relkind = 'S' then 'sequence'
        else 'table'
    end as kind,
    n.nspname::text as schema,
    c.relname::text as name,
    pg_catalog.format('%%I.%%I', n.nspname, c.relname) as title,
    coalesce((
        select pg_catalog.bool_or(o.option_value::boolean)
        from pg_catalog.pg_options_to_table(c.reloptions) as o
        where o.option_name = 'security_invoker'
    ), false) as reads_as_caller,
    c.relkind = 'm' as is_materialized,
    case when c.relkind = 'S' then '{}'::text[] else array(
        select a.attname::text
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    ) end as columns
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S') and not c.relispartition
"""
OF_SCHEMAS = f"""{RELATIONS}
    and n.nspname = any (%(schemas)s)
order by n.nspname, c.relname
"""
ELSEWHERE = f"""{RELATIONS}
    and pg_catalog.pg_get_userbyid(c.relowner) = %(owner)s and n.nspname <> all (%(schemas)s)
order by n.nspname, c.relname
"""


@dataclass(frozen=True)
class Relation:
    """A table, view or sequence.

    kind:            foreign tables are tables, materialized views are views.
    title:           schema and name, quoted where they need it.
    reads_as_caller: a view with security_invoker.
    is_materialized: a view that keeps its rows, which no row-level security holds for.
    columns:         in their order; a sequence has none.
    """

    kind: Literal["table", "view", "sequence"]
    schema: str
    name: str
    title: str
    reads_as_caller: bool
    is_materialized: bool
    columns: Sequence[str]


def of_schemas(connection: Connection, schemas: Collection[str]) -> list[Relation]:
    """The relations of these schemas."""
    cursor = connection.cursor(row_factory=class_row(Relation))
    return cursor.execute(OF_SCHEMAS.encode(), {"schemas": list(schemas)}).fetchall()


def elsewhere(connection: Connection, owner: str, schemas: Collection[str]) -> list[Relation]:
    """The relations of an owner that are in none of these schemas."""
    cursor = connection.cursor(row_factory=class_row(Relation))
    return cursor.execute(ELSEWHERE.encode(), {"owner": owner, "schemas": list(schemas)}).fetchall()
