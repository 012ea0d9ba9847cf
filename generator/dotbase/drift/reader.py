"""Reading a catalog: a handful of queries over whole catalogs in one transaction that writes nothing."""

from __future__ import annotations

from typing import Any

import psycopg

from dotbase.connection import close_path
from dotbase.drift import constraints, relations, routines, rules, schemas, types
from dotbase.drift.items import Catalog, Item
from dotbase.drift.queries import Scope

Connection = psycopg.Connection[Any]

QUERIES = (
    *schemas.QUERIES,
    *types.QUERIES,
    *relations.QUERIES,
    *constraints.QUERIES,
    *rules.QUERIES,
    *routines.QUERIES,
)

# How values are written into definitions must not hang on who reads them.
SESSION = {
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "jit": "off",
    "statement_timeout": "0",
    # The text of a view takes its tables' lightest lock, for which nobody's change should be waited long.
    "lock_timeout": "5s",
}


def read(connection: Connection, scope: Scope) -> Catalog:
    """The catalog of the database, as of one instant; needs a connection in autocommit."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        return collect(connection, scope)


def collect(connection: Connection, scope: Scope) -> Catalog:
    """The same inside of a transaction that is under way."""
    close_path(connection)
    connection.execute(
        "select pg_catalog.set_config(name, value, true)"
        " from unnest(%s::text[], %s::text[]) as s (name, value)",
        [list(SESSION), list(SESSION.values())],
    )
    row = connection.execute("select pg_catalog.quote_ident(rolname) from pg_roles where oid = 10").fetchone()
    catalog = Catalog(superuser=row[0] if row else "postgres", version=connection.info.server_version)
    for query in QUERIES:
        with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            for kind, name, own, schema, parent_kind, parent, facts, create, absent in cursor.execute(
                query.encode(), scope.parameters
            ):
                on = (parent_kind, parent) if parent_kind else None
                catalog.add(Item(kind, name, own, schema, on, facts, create, absent))
    return catalog
