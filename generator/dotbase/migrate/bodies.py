"""Bodies of routines that do not hold, found before anything is committed.

Each language's own validator is asked, which parses SQL against the tables, and PL/pgSQL for its grammar
alone; then plpgsql_check, where the server has it. Files run with `check_function_bodies = off`, as they may
name what comes later. At the end all exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import psycopg

from dotbase.catalog import routines as catalog_routines
from dotbase.catalog import sessions
from dotbase.catalog.made import MadeRoutine, ids_of_routines, routines_made
from dotbase.catalog.objects import CatalogObject
from dotbase.migrate import confinement
from dotbase.migrate.statements import StepError
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]
CORRECT = "correct the function's text"


@dataclass(frozen=True)
class Broken:
    """A routine whose body its language refuses.

    step: whose text made it, where that is known.
    """

    error: StepError
    step: Step | None
    signature: str


def require_valid(connection: Connection, steps: Sequence[Step]) -> None:
    """Refuse the first body that does not parse, of the routines that this transaction made."""
    for found in broken(connection, steps):
        raise found.error


def require_whole(
    connection: Connection, steps: Sequence[Step], also: Collection[CatalogObject], already: Collection[str]
) -> None:
    """Refuse the first body that does not hold, of these routines, too: a version can break what is old.

    already: what was said of them before, which is not the fault of this migration.
    """
    for find in (broken, misread):
        for found in find(connection, steps, also):
            if found.error.what not in already:
                raise found.error


def said_of(connection: Connection, objects: Collection[CatalogObject]) -> frozenset[str]:
    """What is said of broken routines among these objects now."""
    found = [*broken(connection, (), objects), *misread(connection, (), objects)]
    return frozenset(one.error.what for one in found)


def broken(
    connection: Connection, steps: Sequence[Step], also: Collection[CatalogObject] = ()
) -> Iterator[Broken]:
    """What the validators refuse of the routines that this transaction made, with the place in the steps.

    also: other objects, whose routines are asked about as well.
    """
    routines = routines_made(connection, ids_of_routines(connection, also) if also else ())
    for (validator, path), group in groupby(routines, key=lambda one: (one.validator, one.path)):
        together = list(group)
        if _refusal(connection, validator, path, together) is None:
            continue
        for routine in together:
            error = _refusal(connection, validator, path, [routine])
            if error is not None:
                yield _broken(routine, error, steps)


def misread(
    connection: Connection, steps: Sequence[Step], also: Collection[CatalogObject] = ()
) -> Iterator[Broken]:
    """What plpgsql_check calls an error in those routines, as a column that is gone: no validator sees it.

    Nothing where the server does not have it, or lets nobody of ours make it.
    """
    routines = {found.oid: found for found in routines_made(connection, ids_of_routines(connection, also))}
    with catalog_routines.checker(connection) as schema:
        query = catalog_routines.errors_in_bodies(schema) if schema else ""
        said = confinement.rows(connection, query, {"ids": list(routines)}) if schema else []
    for one in said:
        routine = routines[one["oid"]]
        step, position = _home(routine, steps)
        inside = sum(len(text) + 1 for text in routine.body.split("\n")[: (one["line"] or 1) - 1])
        where = step.place_of(position + inside) if step is not None else None
        what = f"{one['message']} — in {routine.signature}"
        yield Broken(StepError(what, CORRECT, where, one["sqlstate"]), step, routine.signature)


def _refusal(
    connection: Connection, validator: str, path: str | None, routines: Sequence[MadeRoutine]
) -> psycopg.Error | None:
    """What the validator says, found by the path that the routines themselves are run with."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local check_function_bodies = on")
            sessions.set_path(connection, path)  # without its own, a routine finds by its caller's
            # Reading a body runs functions that the types of its literals name. The name comes quoted.
            statement = f"select {validator}(r) from pg_catalog.unnest(%s::pg_catalog.oid[]) as r"
            confinement.execute(connection, (statement, [[routine.oid for routine in routines]]))
    except psycopg.Error as error:
        if connection.broken:
            raise
        return error
    return None


def _broken(routine: MadeRoutine, error: psycopg.Error, steps: Sequence[Step]) -> Broken:
    said = (error.diag.message_primary or str(error)).strip()
    inside = _position(routine.body, error)
    step, position = _home(routine, steps)
    where = step.place_of(position + inside) if step is not None else None
    what = f"{said} — in {routine.signature}"
    return Broken(StepError(what, CORRECT, where, error.sqlstate), step, routine.signature)


def _position(body: str, error: psycopg.Error) -> int:
    """Where in the body the error is, from 0."""
    diagnostic = error.diag
    if diagnostic.internal_position is not None and diagnostic.internal_query == body:
        return int(diagnostic.internal_position) - 1
    return 0


def _home(routine: MadeRoutine, steps: Sequence[Step]) -> tuple[Step | None, int]:
    """The step that holds the body, and where it begins there; the last one, which is the one in force."""
    named: tuple[Step | None, int] = (None, 0)
    for step in reversed(steps):
        at = step.sql.find(routine.body) if routine.body.strip() else -1
        while at >= 0:
            head = step.sql[step.sql.lower().rfind("create", 0, at) : at]
            if routine.name in head:
                return step, at
            at = step.sql.find(routine.body, at + 1)
        if named[0] is None and routine.name in step.sql:
            named = step, step.sql.index(routine.name)
    return named
