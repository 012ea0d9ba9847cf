"""Versioned files: which are undone, and running them so that no row and nothing foreign goes unasked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import psycopg

from dotbase.catalog.dependencies import dependents_of_tables
from dotbase.catalog.objects import CatalogObject
from dotbase.errors import DotbaseError
from dotbase.migrate import statements
from dotbase.migrate.history import History, RecordedVersion
from dotbase.migrate.losses import Gone, Losses, RowWatch
from dotbase.migrate.removal import drop, keeping_foreign
from dotbase.migrate.statements import BLOCKED_BY_DEPENDENTS, StepError
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]


def chosen(recorded: History, steps: int | None, to: str | None) -> list[RecordedVersion]:
    """The versions to undo, newest first."""
    newest_first = recorded.applied[::-1]
    if to is not None:
        names = [found.version for found in newest_first]
        if to not in names:
            raise DotbaseError(
                f"version {to} is not applied", "see `dotbase status` for the versions that are"
            )
        return newest_first[: names.index(to)]
    count = 1 if steps is None else steps
    if not newest_first:
        raise DotbaseError("no version is applied", "there is nothing to roll back")
    if not 1 <= count <= len(newest_first):
        raise DotbaseError(
            f"{count} versions cannot be rolled back, {len(newest_first)} are applied",
            f"give --steps a number from 1 to {len(newest_first)}",
        )
    return newest_first[:count]


def run_versions(
    connection: Connection,
    steps: Sequence[Step],
    removable: Collection[CatalogObject],
    texts: Collection[str],
    before_each: Callable[[Step], None],
    *,
    confirmed: bool,
) -> frozenset[CatalogObject]:
    """Run versions, and refuse when rows go; returns the repeatable objects dropped for them."""
    dropped: frozenset[CatalogObject] = frozenset()
    if not steps:
        return dropped
    watch = RowWatch(connection)
    gone: Gone | None = None
    with connection.transaction():
        for step in steps:
            before_each(step)
            with watch.version():
                dropped |= run_version(connection, step, removable, texts)
        found = watch.gone()
        if found and not confirmed:
            gone = found
            raise psycopg.Rollback
    if gone is not None:
        lost = Losses()
        gone.count(connection, lost, lock=True)
        lost.require_consent("migrate", "plan")
        # Nothing was in them: the same once more, for good.
        for step in steps:
            before_each(step)
            dropped |= run_version(connection, step, removable, texts)
    return dropped


def objects_of(recorded: History) -> frozenset[CatalogObject]:
    """What the repeatable steps made."""
    return frozenset(found for one in recorded.repeatables.values() for found in one.objects)


def texts_of_versions(steps: Sequence[Step], recorded: History) -> list[str]:
    """What all versions say, applied or not: what they name is not somebody else's."""
    texts = [text for version in recorded.applied for text in (version.up_sql, version.down_sql)]
    return texts + [text for step in steps if step.version for text in (step.sql, step.rollback_sql or "")]


def run_version(
    connection: Connection, step: Step, removable: Collection[CatalogObject], texts: Collection[str]
) -> frozenset[CatalogObject]:
    """Run a versioned file inside the transaction; returns the repeatable objects dropped for it.

    Views, policies and functions that depend on the app's tables may refuse a change. They are
    dropped then, and applied again by their own steps, which find them absent.
    """
    where = f"{step.key}:{step.line}"
    try:
        with connection.transaction(), keeping_foreign(connection, removable, texts, where):
            statements.run(connection, step)
        return frozenset()
    except StepError as error:
        if error.sqlstate not in BLOCKED_BY_DEPENDENTS:
            raise
        blocking = dependents_of_tables(connection, step.app, removable)
        if not blocking:
            raise
    with connection.transaction(), keeping_foreign(connection, removable, texts, where):
        drop(connection, blocking, where, removable)
        statements.run(connection, step)
    return frozenset(blocking)
