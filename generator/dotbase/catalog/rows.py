"""What holds rows: tables and partitions with their columns, and what a transaction deleted from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

# Without the history. What the server makes of other columns is none of what people filled.
HOLDERS = """
select
    c.oid, n.nspname, c.relname, c.relkind = 'p', i.inhparent,
    pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid), pg_catalog.pg_relation_filenode(c.oid),
    array(
        select a.attnum::text || ' ' || a.attname
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    )
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_inherits as i on i.inhrelid = c.oid and c.relispartition
where c.relkind in ('r', 'p') and c.relpersistence <> 't'
    and n.nspname not like 'pg\\_%' and n.nspname not in ('information_schema', 'dotbase')
"""


@dataclass(frozen=True)
class Holder:
    """A table or a partition.

    parent:  the table that it is a partition of.
    deleted: how many rows the running transaction has deleted so far, undone or not.
    file:    where its rows are; another one after a truncate or a rewrite.
    columns: those that people fill, by their number.
    """

    schema: str
    name: str
    partitioned: bool
    parent: int | None
    deleted: int
    file: int | None
    columns: Mapping[int, str]

    @property
    def title(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


def holders(connection: Connection) -> dict[int, Holder]:
    """Every table and partition, by its id; two readings tell what happened between."""
    found = {}
    for oid, schema, name, partitioned, parent, deleted, file, columns in connection.execute(
        HOLDERS.encode()
    ):
        pairs = (column.split(" ", 1) for column in columns)
        by_number = {int(number): column for number, column in pairs}
        found[oid] = Holder(schema, name, partitioned, parent, deleted, file, by_number)
    return found


def a_row(connection: Connection, holder: Holder) -> str:
    """The query for any row of a table; to be run as its owner, whose functions it may run."""
    name = sql.Identifier(holder.schema, holder.name)
    return sql.SQL("select true as there from {} limit 1").format(name).as_string(connection)


def counts(connection: Connection, holder: Holder, columns: Collection[str]) -> str:
    """The query for how many rows a table has, and in how many each of these columns is filled.

    To be run as its owner: planning it runs functions that indexes and constraints name.
    """
    each = sql.SQL(", ").join(
        [
            sql.SQL("pg_catalog.count(*)"),
            *(sql.SQL("pg_catalog.count({})").format(sql.Identifier(column)) for column in columns),
        ]
    )
    name = sql.Identifier(holder.schema, holder.name)
    return sql.SQL("select array[{}] as counts from {}").format(each, name).as_string(connection)


def count_from(source: str) -> str:
    """The query for how many rows are selected from what stands behind `from` in a file; also the owner's."""
    return f"select pg_catalog.count(*) as number from {source}"


def lock(connection: Connection, holder: Holder) -> None:
    """Let nobody add a row until the transaction ends."""
    name = sql.Identifier(holder.schema, holder.name)
    connection.execute(sql.SQL("lock table {} in share mode").format(name))
