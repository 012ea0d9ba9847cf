"""The history: what is applied, in which text, by whom; schema `dotbase` of the database itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import resources
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog import schemas
from dotbase.catalog.objects import CatalogObject
from dotbase.connection import read_plain_table

Connection = psycopg.Connection[Any]
SCHEMA = "dotbase"
VERSIONS = {
    **{"version": "text", "app": "text", "position": "int4", "release_id": "int8", "source_sha": "text"},
    **{"up_sql": "text", "down_sql": "text", "transactional": "bool", "state": "text"},
    **{"applied_at": "timestamptz", "applied_by": "text", "project_commit": "text"},
}
REPEATABLES = {
    **{"key": "text", "app": "text", "position": "int4", "sha": "text", "sql": "text"},
    **{"objects": "jsonb", "access": "text"},
}
RELEASES = {
    **{"release_id": "int8", "direction": "text", "applied_at": "timestamptz", "applied_by": "text"},
    **{"project_commit": "text", "tool_version": "text", "target": "text", "clock": "text"},
    **{"master_key_file": "text", "bootstrap_sha": "text"},
}
HISTORY = {"release_id": "int8", "key": "text", "app": "text", "position": "int4", "sql": "text"}


@dataclass(frozen=True)
class RecordedVersion:
    """A versioned file as it was applied."""

    version: str
    app: str
    position: int
    release_id: int
    source_sha: str
    up_sql: str
    down_sql: str
    transactional: bool
    state: str
    applied_at: datetime
    applied_by: str
    project_commit: str | None


@dataclass(frozen=True)
class RecordedRepeatable:
    """A repeatable step as it is in force."""

    key: str
    app: str
    position: int
    sha: str
    sql: str
    objects: frozenset[CatalogObject]
    access: str | None


@dataclass(frozen=True)
class Release:
    """A migrate or rollback; what it says of target and clock holds until the next one.

    The owner's members can write anything into it: the key file is a record, which nothing reads.
    """

    release_id: int
    direction: str
    applied_at: datetime
    applied_by: str
    project_commit: str | None
    tool_version: str
    target: str
    clock: str
    master_key_file: str | None
    bootstrap_sha: str | None


@dataclass(frozen=True)
class History:
    """All that is recorded; empty for a database that was never migrated."""

    versions: dict[str, RecordedVersion] = field(default_factory=dict)
    repeatables: dict[str, RecordedRepeatable] = field(default_factory=dict)
    release: Release | None = None

    @property
    def applied(self) -> list[RecordedVersion]:
        """Versions in the order of their application."""
        return sorted(self.versions.values(), key=lambda recorded: recorded.position)


def exists(connection: Connection) -> bool:
    """Whether the database has a history."""
    return schemas.ownership(connection, SCHEMA, "repeatable_history") is not None


def owner(connection: Connection) -> str | None:
    """The role that owns the history; None in a database without one."""
    found = schemas.ownership(connection, SCHEMA, "repeatable_history")
    return found.owner if found else None


def act_as_owner(connection: Connection) -> None:
    """Act as the role that owns the history, until the transaction ends."""
    found = schemas.ownership(connection, SCHEMA, "repeatable_history")
    if found is not None:
        connection.execute(sql.SQL("set local role {}").format(sql.SQL(found.owner)))  # quoted by the server


def last_release_if_readable(connection: Connection) -> Release | None:
    """The newest release, for whoever may act as the owner of the history; needs a transaction."""
    if not exists(connection):
        return None
    try:
        with connection.transaction():
            act_as_owner(connection)
            found = last_release(connection)
            connection.execute("set local role none")
            return found
    except psycopg.errors.InsufficientPrivilege:
        return None


def create(connection: Connection) -> None:
    """Open the history of a new database."""
    text = resources.files("dotbase.migrate").joinpath("history.sql").read_text()
    connection.execute(text.encode())


def read_as_owner(connection: Connection) -> History:
    """Everything that is recorded, for whoever may act as its owner; that role is kept."""
    if not exists(connection):
        return History()
    act_as_owner(connection)
    return read(connection)


def read(connection: Connection) -> History:
    """Everything that is recorded, as the owner sees it."""
    if not exists(connection):
        return History()
    versions = read_plain_table(connection, SCHEMA, "versions", VERSIONS)
    repeatables = read_plain_table(connection, SCHEMA, "repeatables", REPEATABLES)
    return History(
        versions={row[0]: RecordedVersion(*row) for row in versions},
        repeatables={
            key: RecordedRepeatable(key, app, position, sha, text, _objects(objects), access)
            for key, app, position, sha, text, objects, access in repeatables
        },
        release=last_release(connection),
    )


def last_release(connection: Connection) -> Release | None:
    """The newest release, which tells target and clock."""
    rows = read_plain_table(connection, SCHEMA, "releases", RELEASES)
    return Release(*max(rows, key=lambda row: row[0])) if rows else None


def texts_before(connection: Connection, release_id: int) -> list[tuple[str, str, int, str]]:
    """Repeatable steps (key, app, position, text) as they were before a release, in order."""
    newest: dict[str, tuple[str, str, int, str | None]] = {}
    for written, *text in sorted(read_plain_table(connection, SCHEMA, "repeatable_history", HISTORY)):
        if written < release_id:
            newest[text[0]] = (text[0], text[1], text[2], text[3])
    found = [(key, app, position, text) for key, app, position, text in newest.values() if text is not None]
    return sorted(found, key=lambda one: (one[2], one[0]))


def with_objects(recorded: RecordedRepeatable, objects: Iterable[CatalogObject]) -> RecordedRepeatable:
    """The same step with other objects."""
    return replace(recorded, objects=frozenset(objects))


def _objects(rows: list[dict[str, str]]) -> frozenset[CatalogObject]:
    return frozenset(CatalogObject(row["type"], row["identity"]) for row in rows)
