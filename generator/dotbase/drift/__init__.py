"""Drift: a live database compared with what the templates and declarations say, catalog against catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from dotbase.drift import beyond, members, roles, schedules
from dotbase.drift.compare import compare
from dotbase.drift.items import Difference, Item
from dotbase.drift.queries import Scope
from dotbase.drift.reader import collect
from dotbase.drift.reference import Reference
from dotbase.render.declarations import policies
from dotbase.render.documents import load
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Variables

__all__ = ["Difference", "find", "scope_of"]

Connection = psycopg.Connection[Any]
CLUSTER = ("role", "membership", "pg_cron line", "parameter", "tablespace")


def scope_of(project: Project, variables: Variables, ignored: Sequence[str]) -> Scope:
    """What is compared: on a plain Postgres the whole database, on Supabase the schemas that are ours."""
    ours = (*project.apps, "api", "dotbase", "test_clock")
    return Scope(
        ours=None if variables.target == "postgres" else ours,
        ignored=tuple(ignored),
        alike=variables.target == "postgres",
    )


def find(
    connection: Connection,
    reference: Reference,
    project: Project,
    variables: Variables,
    steps: Sequence[Step],
) -> tuple[list[Difference], list[str]]:
    """Every difference of a database from its reference, and notes; in a transaction that is under way."""
    scope = reference.scope
    live = collect(connection, scope)
    declared = replace(reference.catalog, items=dict(reference.catalog.items))
    notes = _versions(reference.catalog.version, live.version)
    if variables.target == "postgres":
        of_cluster = roles.declared(steps)
        for item in of_cluster:
            declared.add(item)
        for item in roles.live(connection, of_cluster, variables.owner):
            live.add(item)
        members.hold_pg_cron(connection, scope, variables.cron_role, declared, live)
    for item in beyond.granted(connection, [one for one in declared.items.values() if one.kind == "role"]):
        live.add(item)
    members.reconcile(declared, live, built_in=scope.built_in)
    wanted, found, note = schedules.items(
        connection, reference.lines, variables.owner, variables.cron_role, whole=scope.ours is None
    )
    for item in wanted:
        declared.add(item)
    for item in found:
        live.add(item)
    notes += [note] if note else []
    return compare(declared, live, homes(project)), notes


def _versions(built: int, live: int) -> list[str]:
    if built // 10000 == live // 10000:
        return []
    return [
        f"the database is on PostgreSQL {live // 10000}, the local cluster on {built // 10000}:"
        " they may write the same definition differently, and what initdb made is not compared."
    ]


def homes(project: Project) -> Callable[[Item], str]:
    """Tells the app of an item: of its schema, of its line in policies for what is in api."""
    exposed: dict[str, str] = {}
    for app in project.apps:
        path = project.root / "policies" / f"{app}.yaml"
        if path.is_file():
            lines = policies.read(load(path, project.root))
            exposed |= dict.fromkeys((*lines.rpcs, *lines.views), app)

    def app_of(item: Item) -> str:
        if item.kind in CLUSTER:
            return "cluster"
        if item.schema in project.apps:
            return item.schema
        if item.schema == "api":
            subject = item.on if item.parent and item.parent[0] != "schema" else item.name
            return exposed.get(subject.removeprefix("api.").partition("(")[0], "api")
        return item.schema or "database"

    return app_of
