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
from dotbase.migrate import confinement, history, statements
from dotbase.options import GlobalOptions
from dotbase.render.identifiers import literal
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from dotbase.scratch import empty_database

Connection = psycopg.Connection[Any]
NO_KEY = "/nowhere/dotbase-master-key"
MAINTAIN = 170000  # the version that brought this right


@dataclass(frozen=True)
class Reference:
    """What a fresh build comes to: a snapshot of it, how much of it was read, pg_cron's lines to be."""

    snapshot: Snapshot
    scope: Scope
    lines: pg_cron.DeclaredLines


def without_key(variables: Variables) -> Variables:
    """What a scratch database is rendered with: a file that is nowhere in place of the master key's."""
    return replace(variables, master_key_file=NO_KEY) if variables.master_key_file else variables


def build(
    options: GlobalOptions, steps: Sequence[Step], variables: Variables, scope: Scope, live_version: int
) -> Reference:
    """Build the database on the checkout's local cluster, read it, drop it.

    steps: rendered `without_key`. Where the live database has its master key is written into what was read.
    """
    path = variables.master_key_file
    with empty_database(options, steps, variables) as url, connect(url) as connection:
        confinement.trust(connection)
        apply_steps(connection, steps, variables)
        oldest = min(live_version, connection.info.server_version)
        found = read_reference(connection, variables, replace(scope, maintain=oldest >= MAINTAIN))
    return replace(found, snapshot=_with_key(found.snapshot, str(path))) if path else found


def _with_key(snapshot: Snapshot, path: str) -> Snapshot:
    """The same with this file in place of the one that is nowhere."""

    def told(text: str) -> str:
        return text.replace(literal(NO_KEY), literal(path))

    items = {
        key: replace(
            item,
            facts={name: told(value) for name, value in item.facts.items()},
            create=told(item.create) if item.create else item.create,
        )
        if item.schema == "master_key"
        else item
        for key, item in snapshot.items.items()
    }
    return replace(snapshot, items=items)


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
