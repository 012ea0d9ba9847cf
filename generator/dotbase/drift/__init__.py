"""Drift: a live database compared with what the templates and declarations say, catalog against catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from dotbase.catalog.facts import cluster
from dotbase.catalog.facts.items import Item
from dotbase.catalog.facts.queries import Scope
from dotbase.catalog.facts.reader import read
from dotbase.drift import pg_cron, roles, versions
from dotbase.drift.compare import Difference, compare
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
        superusers_alike=variables.target == "postgres",
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
    live = read(connection, scope)
    declared = replace(reference.snapshot, items=dict(reference.snapshot.items))
    notes = versions.note_of_majors(declared.version, live.version)
    if variables.target == "postgres":
        of_cluster = roles.declared(steps)
        declared.add(*of_cluster)
        live.add(*roles.live(connection, of_cluster, variables.owner))
        pg_cron.declare_extension(connection, scope, variables.cron_role, declared, live)
    else:
        limits, live_limits = roles.limits_beside_others(connection, steps)
        declared.add(*limits)
        live.add(*live_limits)
    ours = [item.name for item in declared.items.values() if item.kind == "role"]
    live.add(*cluster.grants(connection, ours))
    versions.leave_out_incomparable(declared, live, built_in=scope.built_in)
    lines, live_lines, note = pg_cron.lines(
        connection, reference.lines, variables.owner, variables.cron_role, whole_database=scope.ours is None
    )
    declared.add(*lines)
    live.add(*live_lines)
    notes += [note] if note else []
    return compare(declared, live, app_lookup(project)), notes


def app_lookup(project: Project) -> Callable[[Item], str]:
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
