"""What a rollback takes with it: tables with their rows, and whole apps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog.made import tables
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Table:
    """A table that goes, and how many rows it has."""

    name: str
    rows: int

    def __str__(self) -> str:
        return f"{self.name} ({self.rows:,} row{'' if self.rows == 1 else 's'})"


@dataclass
class Losses:
    """apps: those of which nothing stays. tables: those that go, with or without rows."""

    apps: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def require_consent(self) -> None:
        """Refuse to lose rows or an app that nobody said may go."""
        named = [f"all of app {app}" for app in self.apps]
        named += [str(table) for table in self.tables if table.rows]
        if named:
            raise DotbaseError(
                f"this rollback would drop {', '.join(named)}",
                "look at it with `dotbase rollback --plan`, and add --yes if it is meant",
            )


def count(connection: Connection, gone: Collection[tuple[str, str]], *, lock: bool) -> list[Table]:
    """How many rows these tables have; lock: nobody adds one until the transaction ends."""
    found = []
    for place in sorted(gone):
        if lock:
            name = sql.Identifier(*place)
            connection.execute(sql.SQL("lock table {} in share mode").format(name))
    with connection.transaction(force_rollback=True):
        # As nobody whose rows a policy would hide: that is an error rather than a smaller number.
        connection.execute("set local row_security = off")
        for place in sorted(gone):
            # Planning it runs functions that its indexes and constraints name.
            counted = sql.SQL(
                "select pg_catalog.set_config('dotbase.rows', pg_catalog.count(*)::pg_catalog.text, true)"
                " from {}"
            ).format(sql.Identifier(*place))
            confinement.execute(connection, counted.as_string(connection), [])
            row = connection.execute("select pg_catalog.current_setting('dotbase.rows')::bigint").fetchone()
            assert row is not None
            found.append(Table(".".join(place), row[0]))
    return found


@contextmanager
def watched(connection: Connection, apps: Sequence[str], *, lock: bool) -> Iterator[Losses]:
    """What goes is tried out inside, in a savepoint, and is there again afterwards; then it is counted."""
    losses = Losses(list(apps))
    before = tables(connection)
    with connection.transaction(force_rollback=True):
        yield losses
        after = tables(connection)
    losses.tables = count(connection, [before[oid] for oid in before.keys() - after.keys()], lock=lock)
