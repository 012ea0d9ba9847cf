"""Taking a snapshot: a handful of queries over whole catalogs in one transaction that writes nothing."""

from __future__ import annotations

from typing import Any

import psycopg

from dotbase.catalog.facts import database, relations, routines, table_parts, types
from dotbase.catalog.facts.items import Item, Snapshot
from dotbase.catalog.facts.queries import Scope

Connection = psycopg.Connection[Any]

QUERIES = (
    *database.QUERIES,
    *types.QUERIES,
    *relations.QUERIES,
    *table_parts.QUERIES,
    *routines.QUERIES,
)

# How values are written into definitions must not hang on who reads them.
SETTINGS = {
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
# Every name with its schema: until this has run, the path may be anybody's.
SET = """
select pg_catalog.set_config(s.name, s.value, true)
from rows from (
    pg_catalog.unnest(%s::pg_catalog.text[]), pg_catalog.unnest(%s::pg_catalog.text[])
) as s (name, value)
"""
FIRST_SUPERUSER = """
select pg_catalog.quote_ident(r.rolname) from pg_catalog.pg_roles as r where r.oid = 10
"""


def read(connection: Connection, scope: Scope) -> Snapshot:
    """The objects of the database; in a transaction that is under way, whose settings change with it."""
    connection.execute(SET, [list(SETTINGS), list(SETTINGS.values())])
    row = connection.execute(FIRST_SUPERUSER).fetchone()
    snapshot = Snapshot(superuser=row[0] if row else "postgres", version=connection.info.server_version)
    for query in QUERIES:
        with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            for kind, name, identifier, schema, parent_kind, parent, facts, create, absent in cursor.execute(
                query.encode(), scope.parameters
            ):
                on = (parent_kind, parent) if parent_kind else None
                snapshot.add(Item(kind, name, identifier, schema, on, facts, create, absent))
    return snapshot
