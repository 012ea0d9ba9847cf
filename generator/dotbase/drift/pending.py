"""How many steps wait for `dotbase migrate`: said first, since they are no drift and look like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from dotbase.connection import close_path
from dotbase.errors import DotbaseError
from dotbase.migrate import history, plan
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]


def sentence(connection: Connection, steps: Sequence[Step]) -> str | None:
    """One sentence about what is not applied, or None; the connection is in autocommit."""
    try:
        with connection.transaction():
            connection.execute("set transaction read only")
            close_path(connection)
            if not history.exists(connection):
                return "The database has no history of dotbase migrate: run dotbase plan."
            history.act_as_owner(connection)
            recorded = history.read(connection)
    except psycopg.errors.InsufficientPrivilege:
        raise DotbaseError(
            "the role may not read the history of dotbase migrate, which says how the database was rendered",
            "connect as a member of the database's owner",
        ) from None
    try:
        plan.check_versions(steps, recorded)
        count = _count(steps, recorded)
    except DotbaseError as error:
        return f"Migrate would refuse: {error.sentence}"
    if not count:
        return None
    return f"{count} step{'s are' if count > 1 else ' is'} not applied: run dotbase plan."


def _count(steps: Sequence[Step], recorded: history.History) -> int:
    """Versions to apply, texts that are new or changed, texts to remove; not what a person took away."""
    existing = frozenset(found for one in recorded.repeatables.values() for found in one.objects)
    due = plan.due(steps, plan.renamed(steps, recorded.repeatables), existing, {})
    changed = [one for one in due if one.reason in ("new", "changed")]
    first = next((step for step in steps if step.kind == "bootstrap"), None)
    release = recorded.release
    # On Supabase the platform has brought what the bootstrap makes.
    bootstrap = first and release and release.target == "postgres" and release.bootstrap_sha != first.sha
    removed = plan.removed(steps, recorded.repeatables)
    return bool(bootstrap) + len(plan.pending(steps, recorded)) + len(changed) + len(removed)
