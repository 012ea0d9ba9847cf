"""The books: what is applied, in which text, by whom; schema `dotbase` of the database itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import metadata, resources
from typing import Any

import psycopg

from dotbase.migrate.catalog import CatalogObject
from dotbase.steps import Step

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class BookedVersion:
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
class BookedRepeatable:
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
    """A migrate or rollback; what it says of target, clock and key file holds until the next one."""

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
class Books:
    """All that is booked; empty for a database that was never migrated."""

    versions: dict[str, BookedVersion] = field(default_factory=dict)
    repeatables: dict[str, BookedRepeatable] = field(default_factory=dict)
    release: Release | None = None

    @property
    def applied(self) -> list[BookedVersion]:
        """Versions in the order of their application."""
        return sorted(self.versions.values(), key=lambda booked: booked.position)


def exist(connection: Connection) -> bool:
    """Whether the database has books."""
    row = connection.execute(
        "select from pg_catalog.pg_class as c"
        " inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = 'dotbase' and c.relname = 'repeatable_history'"
    )
    return row.rowcount > 0


def make(connection: Connection) -> None:
    """Open the books of a new database."""
    text = resources.files("dotbase").joinpath("templates", "books.sql").read_text()
    connection.execute(text.encode())


def read(connection: Connection) -> Books:
    """Everything that is booked, as the owner sees it."""
    if not exist(connection):
        return Books()
    versions = connection.execute(
        "select version, app, position, release_id, source_sha, up_sql, down_sql, transactional, state,"
        " applied_at, applied_by, project_commit from dotbase.versions"
    )
    repeatables = connection.execute(
        "select key, app, position, sha, sql, objects, access from dotbase.repeatables"
    )
    return Books(
        versions={row[0]: BookedVersion(*row) for row in versions},
        repeatables={
            key: BookedRepeatable(key, app, position, sha, text, _objects(objects), access)
            for key, app, position, sha, text, objects, access in repeatables
        },
        release=last_release(connection),
    )


def last_release(connection: Connection) -> Release | None:
    """The newest release, which tells target, clock and key file."""
    rows = connection.execute(
        "select release_id, direction, applied_at, applied_by, project_commit, tool_version, target, clock,"
        " master_key_file, bootstrap_sha from dotbase.releases order by release_id desc limit 1"
    ).fetchall()
    return Release(*rows[0]) if rows else None


@dataclass(frozen=True)
class Header:
    """What a release writes about itself."""

    direction: str
    target: str
    clock: str
    master_key_file: str | None
    bootstrap_sha: str | None
    project_commit: str | None


class Writer:
    """Books what one release does; its row is made with the first thing there is to book."""

    def __init__(self, connection: Connection, header: Header, release_id: int | None = None) -> None:
        self._connection = connection
        self.header = header
        self._release_id = release_id

    @property
    def release_id(self) -> int | None:
        """The release's number, once it has one."""
        return self._release_id

    def open_release(self) -> int:
        """The release's number."""
        if self._release_id is None:
            header = self.header
            row = self._connection.execute(
                "insert into dotbase.releases"
                " (direction, project_commit, tool_version, target, clock, master_key_file, bootstrap_sha)"
                " values (%s, %s, %s, %s, %s, %s, %s) returning release_id",
                [
                    header.direction,
                    header.project_commit,
                    tool_version(),
                    header.target,
                    header.clock,
                    header.master_key_file,
                    header.bootstrap_sha,
                ],
            ).fetchone()
            assert row is not None
            self._release_id = int(row[0])
        return self._release_id

    def version(self, step: Step, state: str) -> None:
        """Book a versioned file as applied, or as started outside of a transaction."""
        self._connection.execute(
            "insert into dotbase.versions as v (version, app, position, release_id, source_sha, up_sql,"
            " down_sql, transactional, state, project_commit)"
            " select %s, %s, coalesce(max(position), 0) + 1, %s, %s, %s, %s, %s, %s, %s from dotbase.versions"
            " on conflict on constraint versions_pkey do update"
            " set state = excluded.state, applied_at = clock_timestamp(), source_sha = excluded.source_sha,"
            " up_sql = excluded.up_sql, down_sql = excluded.down_sql",
            [
                step.version,
                step.app,
                self.open_release(),
                step.source_sha,
                step.sql,
                step.rollback_sql or "",
                step.transactional,
                state,
                self.header.project_commit,
            ],
        )

    def version_started(self, version: str) -> None:
        """Book that a version is being undone outside of a transaction."""
        self._connection.execute(
            "update dotbase.versions set state = 'started' where version = %s", [version]
        )

    def version_gone(self, version: str) -> None:
        """Take a version that was rolled back out of the books."""
        self.open_release()
        self._connection.execute("delete from dotbase.versions where version = %s", [version])

    def repeatable(self, booked: BookedRepeatable, *, new_text: bool) -> None:
        """Book a repeatable step as applied; its text goes into the history when it is a new one."""
        release_id = self.open_release()
        self._connection.execute(
            "insert into dotbase.repeatables (key, app, position, sha, sql, objects, access, release_id)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict on constraint repeatables_pkey"
            " do update set app = excluded.app, position = excluded.position, sha = excluded.sha,"
            " sql = excluded.sql, objects = excluded.objects, release_id = excluded.release_id",
            [
                booked.key,
                booked.app,
                booked.position,
                booked.sha,
                booked.sql,
                _json(booked.objects),
                booked.access,
                release_id,
            ],
        )
        if new_text:
            self._history(booked, booked.sql)

    def repeatable_gone(self, booked: BookedRepeatable) -> None:
        """Take a removed step out of the books; its history remains."""
        self._history(booked, None)
        self._connection.execute("delete from dotbase.repeatables where key = %s", [booked.key])

    def objects(self, booked: BookedRepeatable) -> None:
        """Book only what a step's objects are now."""
        self._connection.execute(
            "update dotbase.repeatables set objects = %s where key = %s",
            [_json(booked.objects), booked.key],
        )

    def position(self, key: str, position: int) -> None:
        """Book only a step's place in the order."""
        self._connection.execute(
            "update dotbase.repeatables set position = %s where key = %s", [position, key]
        )

    def access(self, key: str, fingerprint: str | None) -> None:
        """Book what the table of a step looks like to the roles."""
        self._connection.execute(
            "update dotbase.repeatables set access = %s where key = %s and access is distinct from %s",
            [fingerprint, key, fingerprint],
        )

    def _history(self, booked: BookedRepeatable, text: str | None) -> None:
        self._connection.execute(
            "insert into dotbase.repeatable_history (key, release_id, app, position, sql)"
            " values (%s, %s, %s, %s, %s) on conflict on constraint repeatable_history_pkey"
            " do update set app = excluded.app, position = excluded.position, sql = excluded.sql",
            [booked.key, self.open_release(), booked.app, booked.position, text],
        )


def texts_before(connection: Connection, release_id: int) -> list[tuple[str, str, int, str]]:
    """Repeatable steps (key, app, position, text) as they were before a release, in order."""
    return connection.execute(
        "select key, app, position, sql from (select distinct on (key) key, app, position, sql"
        " from dotbase.repeatable_history where release_id < %s order by key, release_id desc) as h"
        " where sql is not null order by position, key",
        [release_id],
    ).fetchall()


def tool_version() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("dotbase")
    except metadata.PackageNotFoundError:
        return "unknown"


def with_objects(booked: BookedRepeatable, objects: Iterable[CatalogObject]) -> BookedRepeatable:
    """The same step with other objects."""
    return replace(booked, objects=frozenset(objects))


def _objects(rows: list[dict[str, str]]) -> frozenset[CatalogObject]:
    return frozenset(CatalogObject(row["type"], row["identity"]) for row in rows)


def _json(objects: Iterable[CatalogObject]) -> str:
    return json.dumps([{"type": found.type, "identity": found.identity} for found in sorted(objects)])
