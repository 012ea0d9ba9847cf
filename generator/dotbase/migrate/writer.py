"""Writing the history: what one release does, entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import psycopg

from dotbase.catalog.objects import CatalogObject
from dotbase.migrate import confinement
from dotbase.migrate.history import RecordedRepeatable, last_release
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]


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
    """Records what one release does; its row is made with the first thing there is to record."""

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
            self._execute(
                "insert into dotbase.releases"
                " (direction, project_commit, tool_version, target, clock, master_key_file, bootstrap_sha)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                [
                    header.direction,
                    header.project_commit,
                    tool_version(),
                    header.target,
                    header.clock,
                    header.master_key_file,
                    header.bootstrap_sha,
                ],
            )
            newest = last_release(self._connection)
            assert newest is not None
            self._release_id = newest.release_id
        return self._release_id

    def _execute(self, statement: str, parameters: Sequence[object]) -> None:
        """On tables of the owner, whose members may have put triggers on them."""
        confinement.execute(self._connection, (statement, parameters))

    def version(self, step: Step, state: str) -> None:
        """Record a versioned file as applied, or as started outside of a transaction."""
        self._execute(
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
        """Record that a version is being undone outside of a transaction."""
        self._execute("update dotbase.versions set state = 'started' where version = %s", [version])

    def version_gone(self, version: str) -> None:
        """Take a version that was rolled back out of the history."""
        self.open_release()
        self._execute("delete from dotbase.versions where version = %s", [version])

    def repeatable(self, recorded: RecordedRepeatable, *, new_text: bool) -> None:
        """Record a repeatable step as applied; its text goes into the history when it is a new one."""
        applied = (
            "insert into dotbase.repeatables (key, app, position, sha, sql, objects, access, release_id)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict on constraint repeatables_pkey"
            " do update set app = excluded.app, position = excluded.position, sha = excluded.sha,"
            " sql = excluded.sql, objects = excluded.objects, release_id = excluded.release_id",
            [
                recorded.key,
                recorded.app,
                recorded.position,
                recorded.sha,
                recorded.sql,
                _json(recorded.objects),
                recorded.access,
                self.open_release(),
            ],
        )
        confinement.execute(
            self._connection, applied, *([self._text(recorded, recorded.sql)] if new_text else [])
        )

    def repeatable_gone(self, recorded: RecordedRepeatable) -> None:
        """Take a removed step out of the history; its history remains."""
        gone = ("delete from dotbase.repeatables where key = %s", [recorded.key])
        confinement.execute(self._connection, self._text(recorded, None), gone)

    def objects(self, recorded: RecordedRepeatable) -> None:
        """Record only what a step's objects are now."""
        self._execute(
            "update dotbase.repeatables set objects = %s where key = %s",
            [_json(recorded.objects), recorded.key],
        )

    def position(self, key: str, position: int) -> None:
        """Record only a step's place in the order."""
        self._execute("update dotbase.repeatables set position = %s where key = %s", [position, key])

    def access(self, key: str, fingerprint: str | None) -> None:
        """Record what the table of a step looks like to the roles."""
        self._execute(
            "update dotbase.repeatables set access = %s where key = %s and access is distinct from %s",
            [fingerprint, key, fingerprint],
        )

    def _text(self, recorded: RecordedRepeatable, text: str | None) -> tuple[str, Sequence[object]]:
        """What records a step's text in this release; without one that it is gone."""
        return (
            "insert into dotbase.repeatable_history (key, release_id, app, position, sql)"
            " values (%s, %s, %s, %s, %s) on conflict on constraint repeatable_history_pkey"
            " do update set app = excluded.app, position = excluded.position, sql = excluded.sql",
            [recorded.key, self.open_release(), recorded.app, recorded.position, text],
        )


def tool_version() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("dotbase")
    except metadata.PackageNotFoundError:
        return "unknown"


def _json(objects: Iterable[CatalogObject]) -> str:
    return json.dumps([{"type": found.type, "identity": found.identity} for found in sorted(objects)])
