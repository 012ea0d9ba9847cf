"""The rows that pending versions would take: what goes in a scratch database, counted in the live one.

Nothing is tried in the live database, whose tables a trial would lock for as long as it lasts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg

from dotbase.catalog import rows
from dotbase.catalog.rows import Holder
from dotbase.migrate import confinement
from dotbase.migrate.losses import Gone, Loss, Losses, count_rows
from dotbase.render import sql_text
from dotbase.render.sql_text import Statement
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]

NAME = r'(?:"(?:[^"]|"")+"|\w+)'
TABLE = re.compile(rf"(?:only\s+)?({NAME})\s*\.\s*({NAME})(?:\s*\*)?", re.IGNORECASE)
DELETE = re.compile(r"delete\s+from\s+", re.IGNORECASE)
TRUNCATE = re.compile(r"truncate\s+(?:table\s+)?", re.IGNORECASE)
# Of what is deleted in another way, `migrate` alone can tell how many rows it is.
DELETES_SOMEHOW = re.compile(r"\b(?:delete\s+from|truncate|then\s+delete)\b", re.IGNORECASE)
MAY_HOLD_ANOTHER = ("with", "do", "merge", "delete", "truncate")


def planned_losses(connection: Connection, gone: Gone, pending: Sequence[Step]) -> tuple[Losses, list[str]]:
    """What would go of this database, and notes about rows that cannot be counted; needs a transaction.

    gone: what the pending versions took in the scratch database.
    """
    live = {one.title: one for one in rows.holders(connection).values()}
    losses, notes = Losses(), []
    with connection.transaction(force_rollback=True):
        # As nobody whose rows a policy would hide: that is an error rather than a smaller number.
        connection.execute("set local row_security = off")
        tables = [gone.first[oid] for oid in gone.tables if gone.first[oid].parent not in gone.tables]
        for title in sorted({one.title for one in tables} & live.keys()):
            losses.tables.append(Loss(title, count_rows(connection, live[title], ())[0]))
        for oid, columns in gone.columns.items():
            losses.rows += _of_columns(connection, live.get(gone.first[oid].title), columns)
        dropped = {gone.first[oid].title for oid in gone.tables}
        deleted: dict[str, int] = {}
        for step, statement in _statements(pending):
            found = _deleted(connection, step.sql[statement.start : statement.end], statement, live)
            if found is None:
                where = step.place_of(statement.start)
                notes.append(f"{where} deletes rows; how many, migrate counts before it asks for --yes.")
                continue
            for title, number in found.items():
                if title not in dropped:
                    deleted[title] = min(_all(connection, live[title]), deleted.get(title, 0) + number)
    losses.rows += [Loss(title, number, "deleted") for title, number in deleted.items()]
    return losses, notes


def _of_columns(connection: Connection, table: Holder | None, columns: Sequence[str]) -> Iterator[Loss]:
    there = [column for column in columns if table is not None and column in table.columns.values()]
    if table is not None and there:
        _, *filled = count_rows(connection, table, there)
        for column, number in zip(there, filled, strict=True):
            yield Loss(f"{table.title}.{column}", number, "column")


def _all(connection: Connection, table: Holder) -> int:
    return count_rows(connection, table, ())[0]


def _statements(pending: Sequence[Step]) -> Iterator[tuple[Step, Statement]]:
    """The statements that delete rows, or may."""
    for step in pending:
        for statement in sql_text.statements(step.sql):
            text = step.sql[statement.start : statement.end]
            if (
                statement.words[:1]
                and statement.words[0] in MAY_HOLD_ANOTHER
                and DELETES_SOMEHOW.search(text)
            ):
                yield step, statement


def _deleted(
    connection: Connection, text: str, statement: Statement, live: Mapping[str, Holder]
) -> dict[str, int] | None:
    """How many rows of which tables a statement deletes; None where only running it would tell."""
    if head := TRUNCATE.match(text):
        titles = [_title(found) for found in TABLE.finditer(text, head.end())]
        return {title: _all(connection, live[title]) for title in titles if title in live}
    head = DELETE.match(text)
    found = TABLE.match(text, head.end()) if head else None
    if head is None or found is None or {"using", "returning", "current"} & set(statement.words):
        return None
    if _title(found) not in live:
        return {}
    counted = _count_from(connection, text[head.end() :])
    return None if counted is None else {_title(found): counted}


def _count_from(connection: Connection, source: str) -> int | None:
    """None where that cannot be run."""
    try:
        with connection.transaction():
            [row] = confinement.rows(connection, rows.count_from(source), ())
    except psycopg.Error:
        if connection.broken:
            raise
        return None
    return int(row["number"])


def _title(found: re.Match[str]) -> str:
    """Schema and name, as the catalog has them."""
    return ".".join(
        part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in found.groups()
    )
