"""What a migrate or rollback takes with it: rows of tables, partitions and columns, and whole apps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg

from dotbase.catalog import rows
from dotbase.catalog.rows import Holder
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement, statements
from dotbase.migrate.statements import NO_SUCH_OBJECT, OUTSIDE_ALONE, StepError
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Loss:
    """Rows that go: with their table, with their column's values, or from a table that stays.

    name: of the table, or of its column.
    """

    name: str
    rows: int
    of: Literal["table", "column", "deleted"] = "table"

    def __str__(self) -> str:
        number = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        match self.of:
            case "table":
                return f"{self.name} ({number})"
            case "column":
                return f"column {self.name} (filled in {number})"
            case "deleted":
                return f"{number} of {self.name}"


@dataclass
class Losses:
    """apps: those of which nothing stays. tables: those that go, with or without rows; rows: other rows."""

    apps: list[str] = field(default_factory=list)
    tables: list[Loss] = field(default_factory=list)
    rows: list[Loss] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.named)

    @property
    def named(self) -> list[str]:
        """What goes with a yes only."""
        return [f"all of app {app}" for app in self.apps] + [
            str(loss) for loss in (*self.tables, *self.rows) if loss.rows
        ]

    @property
    def lines(self) -> list[str]:
        """All that goes, empty tables too, as a plan tells it."""
        lines = ["These tables would go:"] if self.tables else ["No table would go."]
        lines += [f"  {table}" for table in self.tables]
        gone = [loss for loss in self.rows if loss.rows]
        lines += ["These rows would go:"] if gone else []
        return lines + [f"  {loss}" for loss in gone]

    @property
    def document(self) -> dict[str, object]:
        """The same for a program."""
        return {
            "tables": [{"table": table.name, "rows": table.rows} for table in self.tables],
            "rows": [
                {"of": loss.of, "name": loss.name, "rows": loss.rows} for loss in self.rows if loss.rows
            ],
        }

    def require_consent(self, command: str, shown_by: str) -> None:
        """Refuse to lose rows or an app that nobody said may go."""
        if self:
            raise DotbaseError(
                f"this {command} would drop {', '.join(self.named)}",
                f"look at it with `dotbase {shown_by}`, and add --yes if it is meant",
            )


class RowWatch:
    """Rows deleted by the files of versions alone: declarations come and go with their own rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._first = rows.holders(connection)
        self._deleted: dict[int, int] = {}

    @contextmanager
    def version(self) -> Iterator[None]:
        """The text of a version is run inside."""
        before = rows.holders(self._connection)
        yield
        after = rows.holders(self._connection)
        for oid in before.keys() & after.keys() & self._first.keys():
            number = after[oid].deleted - before[oid].deleted
            if not after[oid].partitioned and after[oid].file != before[oid].file:
                emptied = not confinement.rows(self._connection, rows.a_row(self._connection, after[oid]), ())
                number = -1 if emptied else number
            known = self._deleted.get(oid, 0)
            if number:
                self._deleted[oid] = -1 if -1 in (number, known) else known + number

    def gone(self) -> Gone:
        """What is gone by now."""
        return Gone.between(self._first, rows.holders(self._connection), self._deleted)


@dataclass(frozen=True)
class Gone:
    """What is gone, by the ids of tables; -1 of deleted: all rows."""

    first: Mapping[int, Holder]
    tables: Sequence[int]
    columns: Mapping[int, Sequence[str]]
    deleted: Mapping[int, int]

    @classmethod
    def between(
        cls, first: Mapping[int, Holder], after: Mapping[int, Holder], deleted: Mapping[int, int]
    ) -> Gone:
        """What is in the first reading and not in the second."""
        columns = {
            oid: [name for number, name in one.columns.items() if number not in after[oid].columns]
            for oid, one in first.items()
            # Those of a partition are its parent's.
            if oid in after and one.parent is None
        }
        return cls(
            first,
            [oid for oid in first if oid not in after],
            {oid: names for oid, names in columns.items() if names},
            {oid: number for oid, number in deleted.items() if oid in after},
        )

    def __bool__(self) -> bool:
        return bool(self.tables or self.columns or self.deleted)

    def count(self, connection: Connection, losses: Losses, *, lock: bool) -> None:
        """How many rows that is, now that all is there again; lock: nobody adds one until the end."""
        # The rows of a partition are told with its parent's where both go.
        tables = [oid for oid in self.tables if self.first[oid].parent not in self.tables]
        if lock:
            for oid in (*tables, *self.columns):
                rows.lock(connection, self.first[oid])
        with connection.transaction(force_rollback=True):
            # As nobody whose rows a policy would hide: that is an error rather than a smaller number.
            connection.execute("set local row_security = off")
            for oid in sorted(tables, key=lambda oid: self.first[oid].title):
                one = self.first[oid]
                losses.tables.append(Loss(one.title, count_rows(connection, one, ())[0]))
            for oid, columns in self.columns.items():
                one = self.first[oid]
                _, *filled = count_rows(connection, one, columns)
                losses.rows += [
                    Loss(f"{one.title}.{column}", number, "column")
                    for column, number in zip(columns, filled, strict=True)
                ]
            for oid, number in self.deleted.items():
                one = self.first[oid]
                if number < 0:
                    number = count_rows(connection, one, ())[0]
                losses.rows.append(Loss(one.title, number, "deleted"))


def count_rows(connection: Connection, holder: Holder, columns: Sequence[str]) -> list[int]:
    """How many rows there are, and in how many each of these columns is filled."""
    [row] = confinement.rows(connection, rows.counts(connection, holder, columns), ())
    return list(row["counts"])


@contextmanager
def watched(connection: Connection, apps: Sequence[str], *, lock: bool) -> Iterator[tuple[Losses, RowWatch]]:
    """What goes is tried out inside, in a savepoint, and is there again afterwards; then it is counted."""
    losses = Losses(list(apps))
    with connection.transaction(force_rollback=True):
        watch = RowWatch(connection)
        yield losses, watch
        gone = watch.gone()
    gone.count(connection, losses, lock=lock)


def try_outside(connection: Connection, step: Step, watch: RowWatch) -> None:
    """Try what no transaction can hold, as far as one can: what it names may be gone, as after a crash."""
    inside = replace(step, sql=statements.without_concurrently(step.sql))
    try:
        with connection.transaction(), watch.version():
            statements.run(connection, inside)
    except StepError as error:
        if error.sqlstate not in (*NO_SUCH_OBJECT, OUTSIDE_ALONE):
            raise
