"""The reference: a scratch database freshly built from the templates, read as the live one is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from dotbase.commands.context import GlobalOptions
from dotbase.drift import partitions, schedules
from dotbase.drift.items import Catalog
from dotbase.drift.queries import Scope
from dotbase.drift.reader import collect
from dotbase.scratch import scratch_database
from dotbase.steps import Step
from dotbase.templating import Variables

Connection = psycopg.Connection[Any]
MAINTAIN = 170000  # the version that brought this right


@dataclass(frozen=True)
class Reference:
    """What a fresh build comes to: its catalog, how much of it was read, pg_cron's lines to be."""

    catalog: Catalog
    scope: Scope
    lines: dict[str, tuple[str, str]]


def build(
    options: GlobalOptions, steps: Sequence[Step], variables: Variables, scope: Scope, live_version: int
) -> Reference:
    """Build the database on the checkout's local cluster, read it, drop it."""
    with scratch_database(options, steps, variables) as connection:
        oldest = min(live_version, connection.info.server_version)
        return look(connection, variables, replace(scope, maintain=oldest >= MAINTAIN))


def look(connection: Connection, variables: Variables, scope: Scope) -> Reference:
    """Read a fresh build; what is made in it to look at is undone."""
    with connection.transaction(force_rollback=True):
        models = partitions.make_models(connection, scope, variables.owner)
        lines = schedules.declared(connection)
        catalog = collect(connection, scope)
    partitions.take_models(catalog, models)
    return Reference(catalog, scope, lines)
