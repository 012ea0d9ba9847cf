"""The repeatable texts that a database has after a rollback: the earlier ones, else what still applies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from dotbase.errors import DotbaseError
from dotbase.migrate import bodies, history
from dotbase.migrate.history import History, RecordedRepeatable, RecordedVersion
from dotbase.migrate.repeatables import Repeatables, as_steps
from dotbase.migrate.report import Report
from dotbase.migrate.statements import LOCK_ERRORS, StepError
from dotbase.migrate.writer import Writer

Connection = psycopg.Connection[Any]
CANCELED = "57014"


@dataclass(frozen=True)
class Texts:
    """Which texts belong to the database after a rollback.

    wanted: all of them, in order.
    kept:   keys of those that have no earlier text: they stay where they still apply.
    apps:   of which nothing stays.
    """

    wanted: list[RecordedRepeatable]
    kept: frozenset[str]
    apps: list[str]


@dataclass
class Restored:
    """restored: steps whose text is another than it was; refused: why those that no longer apply do not."""

    restored: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def choose(connection: Connection, before: History, to_undo: Sequence[RecordedVersion]) -> Texts:
    """An app goes back to what it had before the release of the oldest undone version.

    One that had nothing then, as all came in one release, keeps what came with that release. One without
    versions is gone. One that loses no version and had nothing keeps what it has.
    """
    releases = sorted({found.release_id for found in to_undo})
    earlier = history.texts_before(connection, releases[0])
    names = {found.version for found in to_undo}
    undone = {found.app for found in to_undo}
    gone = undone - {found.app for found in before.applied if found.version not in names}
    had_texts = {app for _, app, _, _ in earlier}
    wanted = [_as_recorded(before, *text) for text in earlier if text[1] not in gone]
    wanted += [
        found
        for found in before.repeatables.values()
        if found.app not in had_texts and found.app not in undone
    ]
    kept: list[RecordedRepeatable] = []
    for app in sorted(undone - gone - had_texts):
        kept += _first_texts(connection, before, app, releases[1:])
    return Texts(
        sorted([*wanted, *kept], key=lambda found: (found.position, found.key)),
        frozenset(found.key for found in kept),
        sorted(gone, key=[found.app for found in before.applied].index),
    )


def _first_texts(
    connection: Connection, before: History, app: str, later: Sequence[int]
) -> list[RecordedRepeatable]:
    """What an app had until the next release that is undone: nearer to the older tables than what it has."""
    for release_id in later:
        texts = [text for text in history.texts_before(connection, release_id) if text[1] == app]
        if texts:
            return [_as_recorded(before, *text) for text in texts]
    return [found for found in before.repeatables.values() if found.app == app]


def _as_recorded(before: History, key: str, app: str, position: int, text: str) -> RecordedRepeatable:
    recorded = before.repeatables.get(key)
    place = recorded.position if recorded is not None else position
    sha = hashlib.sha256(text.encode()).hexdigest()
    return RecordedRepeatable(key, app, place, sha, text, frozenset(), None)


def put_back(
    connection: Connection,
    texts: Texts,
    recorded: Mapping[str, RecordedRepeatable],
    writer: Writer,
    report: Report,
    keep_settings_of: frozenset[str],
) -> Restored:
    """Bring the wanted texts into force. A kept one is applied anew; what no longer applies goes."""
    done = Restored()
    due = {key: replace(found, sha="") if key in texts.kept else found for key, found in recorded.items()}
    while True:
        steps = as_steps(found for found in texts.wanted if found.key not in done.refused)
        repeatables = Repeatables(connection, steps, due, writer, report)
        broken: dict[str, str] = {}
        try:
            with connection.transaction():
                gone = sorted(
                    (due[key] for key in done.refused if key in due),
                    key=lambda found: found.position,
                    reverse=True,
                )
                repeatables.remove(gone, keep_settings_of=keep_settings_of, undoing=True)
                repeatables.converge()
                for found in bodies.broken(connection, steps):
                    if found.step is not None and found.step.key in texts.kept:
                        broken[found.step.key] = found.error.what
                if broken:
                    raise psycopg.Rollback
        except DotbaseError as error:
            key = repeatables.current
            lost = isinstance(error, StepError) and error.sqlstate in (*LOCK_ERRORS, CANCELED)
            if lost or key is None or key not in texts.kept or connection.broken:
                raise
            broken[key] = error.what
        if not broken:
            break
        done.refused |= broken
    changed = {found.key for found in texts.wanted if found.key not in texts.kept}
    sha = {found.key: found.sha for found in texts.wanted}
    done.restored = sum(key not in recorded or recorded[key].sha != sha[key] for key in changed)
    return done
