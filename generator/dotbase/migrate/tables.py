"""Reading a table that a member of the owner could have put anything in the place of.

A query would plan and run what hangs on it: a view's functions, policies, immutable functions in indexes and
statistics; with the rights of whoever asks, superuser or not. COPY of a table plans nothing, and refuses the
rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from dotbase.errors import DotbaseError

Connection = psycopg.Connection[Any]
Row = tuple[Any, ...]

SWITCH = "select pg_catalog.set_config('row_security', %s, true)"


def read(connection: Connection, schema: str, table: str, columns: Mapping[str, str]) -> list[Row]:
    """All rows of a plain table, of these columns and their types; needs a transaction."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    copy_out = sql.SQL("copy {} ({}) to stdout").format(sql.Identifier(schema, table), names)
    before = connection.execute("select pg_catalog.current_setting('row_security')").fetchone()
    assert before is not None
    # With policies COPY would be a query after all; switched off, it is refused.
    connection.execute(SWITCH, ["off"])
    try:
        with connection.cursor() as cursor, cursor.copy(copy_out) as copy:
            copy.set_types(list(columns.values()))
            rows = list(copy.rows())
    except (psycopg.errors.WrongObjectType, psycopg.DataError, ValueError) as error:
        said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        raise DotbaseError(
            f"{schema}.{table} is not the table that dotbase made{f' ({said})' if said else ''}",
            "find out who put what in its place; until then connect as nobody who may do more than he",
        ) from None
    connection.execute(SWITCH, list(before))
    return rows
