"""Removing what a repeatable step brought: the objects that it made, what it declared, what it granted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import psycopg

from dotbase.catalog import grants
from dotbase.catalog.dependencies import data_depending_on
from dotbase.catalog.objects import CatalogObject, present
from dotbase.errors import DotbaseError
from dotbase.migrate import statements
from dotbase.migrate.plan import table_of

Connection = psycopg.Connection[Any]

# How the key of a declaration ends -> routine that takes it, and an empty declaration.
EMPTY = (
    (r"functions/[^/]+/errors\.yaml", "core.declare_errors(text,jsonb)", "[]"),
    (r"functions/[^/]+/settings\.yaml", "core.declare_settings(text,jsonb)", "[]"),
    (r"functions/[^/]+/lanes\.yaml", "outbox.declare_lanes(text,jsonb)", "[]"),
    (r"cron/[^/]+\.yaml", "jobs.declare(text,jsonb)", "[]"),
    (r"policies/[^/]+\.yaml#rpcs", "core.build_wrappers(text,jsonb)", "{}"),
)


def drop(connection: Connection, objects: Iterable[CatalogObject], where: str) -> None:
    """Drop objects with the repeatable ones that depend on them; refuse when data would go with them."""
    asked = set(objects)
    if not asked:
        return
    now = present(connection)
    to_drop = sorted(asked & now.objects)
    schemas = {found for found in asked if found.type == "schema"}
    addresses = now.addresses_of(asked - schemas)
    if addresses:
        # What is in a schema goes with it.
        inside = {found.identity for found in schemas}
        lost = [data.name for data in data_depending_on(connection, addresses) if data.schema not in inside]
        if lost:
            raise DotbaseError(
                f"dropping {', '.join(map(str, to_drop))} would drop {', '.join(lost)}",
                "let a versioned file take away what depends on it first",
                where,
            )
    for found in to_drop:
        connection.execute(found.drop_sql.encode())


def remove_declaration(
    connection: Connection, key: str, app: str, *, keep_settings: bool, undoing: bool = False
) -> None:
    """Declare nothing in place of a removed declaration. Settings may stay: people chose their values.

    undoing: in a rollback, where a routine that was kept may be newer than the tables.
    """
    for pattern, routine, empty in EMPTY:
        if not re.fullmatch(pattern, key) or (keep_settings and "settings" in routine):
            continue
        found = connection.execute("select pg_catalog.to_regprocedure(%s) is not null", [routine]).fetchone()
        if found == (True,):
            name = routine.partition("(")[0]
            statement = f"select {name}(%s, %s::jsonb)"
            try:
                with connection.transaction():
                    connection.execute(statement.encode(), [app, empty])
            except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable):
                if not undoing:
                    raise
                # The routine that was kept is of a version that is undone; its down-file has the last word.
                continue
            statements.record(connection, statement, [app, empty])
    revoke_routines(connection, key, app)
    table = table_of(key)
    if table is not None:
        for revoke in grants.revokes_of_table(connection, *table.split(".")):
            connection.execute(revoke.encode())


def revoke_routines(connection: Connection, key: str, app: str) -> None:
    """Take back what grants on routines an older text gave, before the newer one gives its own."""
    if key == f"policies/{app}.yaml#grants":
        for revoke in grants.revokes_of_routines(connection, app):
            connection.execute(revoke.encode())
