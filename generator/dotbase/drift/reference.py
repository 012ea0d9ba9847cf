"""The reference: a scratch database freshly built from the templates, read as the live one is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog.facts.items import Snapshot
from dotbase.catalog.facts.queries import Scope
from dotbase.catalog.facts.reader import read
from dotbase.connection import connect
from dotbase.drift import partitions, pg_cron
from dotbase.migrate import history, statements
from dotbase.options import GlobalOptions
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from dotbase.scratch import empty_database

Connection = psycopg.Connection[Any]
MAINTAIN = 170000  # the version that brought this right


@dataclass(frozen=True)
class Reference:
    """What a fresh build comes to: a snapshot of it, how much of it was read, pg_cron's lines to be."""

    snapshot: Snapshot
    scope: Scope
    lines: pg_cron.DeclaredLines


def build(
    options: GlobalOptions, steps: Sequence[Step], variables: Variables, scope: Scope, live_version: int
) -> Reference:
    """Build the database on the checkout's local cluster, read it, drop it."""
    with empty_database(options, variables) as url, connect(url) as connection:
        apply_steps(connection, steps, variables)
        oldest = min(live_version, connection.info.server_version)
        return read_reference(connection, variables, replace(scope, maintain=oldest >= MAINTAIN))


def apply_steps(connection: Connection, steps: Sequence[Step], variables: Variables) -> None:
    """Apply the rendered steps one after the other, and open the history.

    That gives the catalog that `migrate` gives, without its looking at every step what the step made.
    """
    connection.execute("set search_path = pg_catalog, pg_temp")
    connection.execute("set synchronous_commit = off")
    connection.execute("set check_function_bodies = off")
    owner = sql.SQL("set role {}").format(sql.Identifier(variables.owner))
    for step in steps:
        connection.execute("reset role" if step.kind == "bootstrap" else owner)
        statements.run(connection, step)
    connection.execute(owner)
    history.create(connection)
    connection.execute("reset role")


def read_reference(connection: Connection, variables: Variables, scope: Scope) -> Reference:
    """Read a fresh build; what is made in it to look at is undone."""
    with connection.transaction(force_rollback=True):
        models = partitions.make_models(connection, scope, variables.owner)
        lines = pg_cron.declared_lines(connection)
        snapshot = read(connection, scope)
    partitions.set_models_aside(snapshot, models)
    return Reference(snapshot, scope, lines)
