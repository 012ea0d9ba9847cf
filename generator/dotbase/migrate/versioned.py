"""Versioned steps, up or down: in transactions as large as their boundaries allow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.catalog.objects import CatalogObject
from dotbase.migrate import catalog, statements
from dotbase.migrate.failures import IN_THE_WAY, StepError
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Segment:
    """Steps that are committed together.

    boundary:      name of the commit point in front of them; None at the beginning.
    transactional: False for the single statement that no transaction may hold.
    """

    steps: tuple[Step, ...]
    boundary: str | None
    transactional: bool = True


def segments(steps: Sequence[Step]) -> list[Segment]:
    """Cut steps at their boundaries. The first and the last segment are always transactional."""
    found: list[Segment] = []
    together: list[Step] = []
    boundary: str | None = None
    for step in steps:
        if step.transactional and step.boundary is None:
            together.append(step)
            continue
        if together or not found:
            found.append(Segment(tuple(together), boundary))
            together = []
        name = step.boundary or str(step.version)
        found.append(Segment((step,), name, step.transactional))
        boundary = f"after {name}"
    found.append(Segment(tuple(together), boundary))
    return found


def execute(
    connection: Connection, step: Step, removable: Collection[CatalogObject]
) -> frozenset[CatalogObject]:
    """Run a versioned file inside the transaction; returns the repeatable objects dropped for it.

    Views, policies and functions that depend on the app's tables may refuse a change. They are
    dropped then, and applied again by their own steps, which find them absent.
    """
    try:
        with connection.transaction():
            statements.run(connection, step)
        return frozenset()
    except StepError as error:
        if error.sqlstate not in IN_THE_WAY:
            raise
        blocking = catalog.dependents(connection, step.app, removable)
        if not blocking:
            raise
    with connection.transaction():
        catalog.drop(connection, blocking, f"{step.key}:{step.line}")
        statements.run(connection, step)
    return frozenset(blocking)
