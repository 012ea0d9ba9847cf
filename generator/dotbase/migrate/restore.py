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
from dotbase.migrate.plan import table_of
from dotbase.migrate.repeatables import Repeatables, as_steps
from dotbase.migrate.report import Report
from dotbase.migrate.statements import LOCK_ERRORS, StepError
from dotbase.migrate.writer import Writer
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]
CANCELED = "57014"
NO_TABLE = "42P01"


@dataclass(frozen=True)
class Texts:
    """Which texts belong to the database after a rollback.

    wanted: all of them, in order.
    kept:   keys of those that were never in force between the versions that stay and those that go.
    apps:   of which nothing stays.
    """

    wanted: list[RecordedRepeatable]
    kept: frozenset[str]
    apps: list[str]


@dataclass
class Restored:
    """restored: steps whose text is another than it was.

    refused: why those that no longer apply do not. orphaned: those whose table is gone.
    """

    restored: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    orphaned: set[str] = field(default_factory=set)

    def require_whole(self, instead: str | None) -> None:
        """Refuse to leave routines and views broken or gone. instead: a version whose texts are known."""
        named = [f"{key} ({why})" for key, why in self.refused.items() if key not in self.orphaned]
        if named:
            whole = f"roll back to {instead}, whose texts are recorded, or " if instead else ""
            raise DotbaseError(
                "no text that was ever in force fits the tables after this rollback, and these would break: "
                + ", ".join(named),
                f"{whole}add --drop-broken, which drops them until the next migrate",
            )


def choose(connection: Connection, before: History, to_undo: Sequence[RecordedVersion]) -> Texts:
    """Each app goes back to what it had before the release of the oldest undone version.

    When that release also brought versions that stay, no text was ever in force between them: what came with
    it is the nearest. So is it for an app that had nothing before. An app without versions is gone. One that
    loses no version and had nothing keeps what it has.
    """
    releases = sorted({found.release_id for found in to_undo})
    names = {found.version for found in to_undo}
    undone = {found.app for found in to_undo}
    staying = [found for found in before.applied if found.version not in names]
    gone = undone - {found.app for found in staying}
    if any(found.release_id >= releases[0] for found in staying):
        return _nearest(connection, before, releases, gone)
    earlier = history.texts_before(connection, releases[0])
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


def _nearest(connection: Connection, before: History, releases: Sequence[int], gone: set[str]) -> Texts:
    """The texts after a release of which a part stays, before what else is undone; `kept` came with it."""
    older = {key: text for key, _, _, text in history.texts_before(connection, releases[0])}
    after = list(before.repeatables.values())
    if len(releases) > 1:
        after = [_as_recorded(before, *text) for text in history.texts_before(connection, releases[1])]
    staying = [found for found in after if found.app not in gone]
    return Texts(
        sorted(staying, key=lambda found: (found.position, found.key)),
        frozenset(found.key for found in staying if older.get(found.key) != found.sql),
        sorted(gone, key=[found.app for found in before.applied].index),
    )


def whole_before(before: History, to_undo: Sequence[RecordedVersion]) -> str | None:
    """The newest version down to which a rollback finds its texts: the last before the oldest release."""
    first = min(found.release_id for found in to_undo)
    older = [found.version for found in before.applied if found.release_id < first]
    newest = [found.version for found in before.applied if found not in to_undo]
    return older[-1] if older and newest and older[-1] != newest[-1] else None


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
    already: frozenset[str],
) -> Restored:
    """Bring the wanted texts into force. A kept one is applied anew; what no longer applies goes.

    already: what was said of broken routines before anything was undone, which is none of the rollback's.
    """
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
                broken = _broken(connection, steps, already)
                if broken:
                    raise psycopg.Rollback
        except DotbaseError as error:
            key = repeatables.current
            lost = isinstance(error, StepError) and error.sqlstate in (*LOCK_ERRORS, CANCELED)
            if lost or key is None or connection.broken:
                raise
            broken[key] = error.what
            if isinstance(error, StepError) and error.sqlstate == NO_TABLE and table_of(key):
                done.orphaned.add(key)
        if not broken:
            break
        done.refused |= broken
    changed = {found.key for found in texts.wanted if found.key not in texts.kept}
    sha = {found.key: found.sha for found in texts.wanted}
    done.restored = sum(key not in recorded or recorded[key].sha != sha[key] for key in changed)
    return done


def said_of_bodies(connection: Connection, recorded: Mapping[str, RecordedRepeatable]) -> frozenset[str]:
    """What is said of broken routines of these steps now."""
    return bodies.said_of(connection, frozenset(found for one in recorded.values() for found in one.objects))


def _broken(connection: Connection, steps: Sequence[Step], already: frozenset[str]) -> dict[str, str]:
    """Which steps made routines that do not hold now, also when they were not applied anew, and why."""
    objects = frozenset(
        found for one in history.read(connection).repeatables.values() for found in one.objects
    )
    broken: dict[str, str] = {}
    for found in bodies.broken(connection, steps, objects):
        if found.error.what not in already:
            broken.setdefault(_key(found), found.error.what)
    if not broken:
        for found in bodies.misread(connection, steps, objects):
            if found.error.what not in already:
                broken.setdefault(_key(found), found.error.what)
    return broken


def _key(found: bodies.Broken) -> str:
    """The step whose text made a routine; without one, nothing of ours could take it away."""
    if found.step is None:
        raise found.error
    return found.step.key
