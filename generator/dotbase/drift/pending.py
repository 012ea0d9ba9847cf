"""How many steps wait for `dotbase migrate`: said first, since they are no drift and look like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from dotbase.connection import close_path
from dotbase.errors import DotbaseError
from dotbase.migrate import books, plan
from dotbase.steps import Step

Connection = psycopg.Connection[Any]


def sentence(connection: Connection, steps: Sequence[Step]) -> str | None:
    """One sentence about what is not applied, or None; the connection is in autocommit."""
    try:
        with connection.transaction():
            connection.execute("set transaction read only")
            close_path(connection)
            if not books.exist(connection):
                return "The database has no books of dotbase migrate: run dotbase plan."
            books.as_keeper(connection)
            booked = books.read(connection)
    except psycopg.errors.InsufficientPrivilege:
        raise DotbaseError(
            "the role may not read the books of dotbase migrate, which say how the database was rendered",
            "connect as a member of the database's owner",
        ) from None
    try:
        plan.check_versions(steps, booked)
        count = _count(steps, booked)
    except DotbaseError as error:
        return f"Migrate would refuse: {error.sentence}"
    if not count:
        return None
    return f"{count} step{'s are' if count > 1 else ' is'} not applied: run dotbase plan."


def _count(steps: Sequence[Step], booked: books.Books) -> int:
    """Versions to apply, texts that are new or changed, texts to remove; not what a person took away."""
    existing = frozenset(found for one in booked.repeatables.values() for found in one.objects)
    due = plan.due(steps, plan.renamed(steps, booked.repeatables), existing, {})
    changed = [one for one in due if one.reason in ("new", "changed")]
    first = next((step for step in steps if step.kind == "bootstrap"), None)
    release = booked.release
    # On Supabase the platform has brought what the bootstrap makes.
    bootstrap = first and release and release.target == "postgres" and release.bootstrap_sha != first.sha
    removed = plan.removed(steps, booked.repeatables)
    return bool(bootstrap) + len(plan.pending(steps, booked)) + len(changed) + len(removed)
