"""Declarations against the catalog: what a line names exists; what exists has its line, and each right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.catalog import relations, routines
from dotbase.catalog.relations import Relation
from dotbase.catalog.roles import names as role_names
from dotbase.catalog.routines import Routine
from dotbase.errors import DotbaseError
from dotbase.render.declarations import policies
from dotbase.render.declarations.policies import AppPolicies, real_role
from dotbase.render.documents import Document, Place
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.verify import jobs, lanes, rights

Connection = psycopg.Connection[Any]

# The platform's, the tool's and the clock's, beside those of the apps.
OTHER_SCHEMAS = ("api", "auth", "dotbase", "test_clock")


@dataclass(frozen=True)
class Found:
    """What the database has, by schema and name."""

    tables: dict[tuple[str, str], Relation]
    views: dict[tuple[str, str], Relation]
    routines: dict[tuple[str, str], list[Routine]]  # each of that name
    roles: frozenset[str]
    misplaced: list[tuple[str, str, str]]  # schema, name, kind


def verify(connection: Connection, project: Project, variables: Variables) -> None:
    """Refuse the first declaration that names what does not exist, or object that no line allows.

    Reads catalogs and plans queries, no more, so that it can be the last thing before a commit.
    """
    error = next(errors(connection, project, variables), None)
    if error is not None:
        raise error


def errors(connection: Connection, project: Project, variables: Variables) -> Iterator[DotbaseError]:
    """Everything that `verify` would refuse."""
    declared = policies.of(project)
    first = list(_object_errors(connection, project, declared, variables))
    yield from first
    # What is not there, or has no line, would be told once more for each of its rights.
    if not first:
        live = rights.read(connection, project, variables)
        yield from rights.errors(live, project, declared, variables)


def verify_objects(connection: Connection, project: Project, variables: Variables) -> None:
    """Refuse as `verify` does, but let rights be what they are: for whoever wants to see them."""
    for error in _object_errors(connection, project, policies.of(project), variables):
        raise error


def _object_errors(
    connection: Connection, project: Project, declared: list[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    found = _read(connection, project, variables)
    for one in declared:
        yield from _tables(one, found, variables)
        yield from _views(one, found, variables)
        yield from _functions(one, found, variables)
        yield from jobs.errors(connection, one.app, project, found.routines)
        yield from lanes.errors(one.app, project, found.routines)
    yield from _exposed(declared, found)
    yield from _misplaced(project, found)


def _read(connection: Connection, project: Project, variables: Variables) -> Found:
    schemas = [*project.apps, "api"]
    there = relations.of_schemas(connection, schemas)
    by_name: dict[tuple[str, str], list[Routine]] = {}
    for routine in routines.of_schemas(connection, schemas):
        by_name.setdefault((routine.schema, routine.name), []).append(routine)
    misplaced: list[tuple[str, str, str]] = [
        ("api", r.name, "sequence") for r in there if (r.schema, r.kind) == ("api", "sequence")
    ]
    # On Supabase the owner is everybody's `postgres`: what lies elsewhere is none of ours.
    if variables.target == "postgres":
        known = [*project.apps, *OTHER_SCHEMAS]
        for relation in relations.elsewhere(connection, variables.owner, known):
            misplaced.append((relation.schema, relation.name, relation.kind))
        for routine in routines.elsewhere(connection, variables.owner, known):
            misplaced.append((routine.schema, routine.name, "function"))
    return Found(
        {(r.schema, r.name): r for r in there if r.kind == "table"},
        {(r.schema, r.name): r for r in there if r.kind == "view"},
        by_name,
        role_names(connection),
        sorted(misplaced),
    )


def _tables(one: AppPolicies, found: Found, variables: Variables) -> Iterator[DotbaseError]:
    for table, lines in one.policies.tables.items():
        relation = found.tables.get((one.app, table))
        if relation is None:
            yield _missing(one.document, f"table {one.app}.{table}", "tables", table)
            continue
        for number, right in enumerate(lines):
            yield from _roles(one.document, [right.role], found, variables, "tables", table, number)
            for column in right.columns or ():
                if column not in relation.columns:
                    place: Place = ("tables", table, number, "columns")
                    yield _missing(one.document, f"column {column} of {one.app}.{table}", *place)
    for schema, table in sorted(found.tables):
        if schema == one.app and table not in one.policies.tables:
            yield DotbaseError(
                f"table {schema}.{table} has no line",
                f"add `{table}: []` to close it, or say who may do what with it",
                one.document.where("tables"),
            )


def _views(one: AppPolicies, found: Found, variables: Variables) -> Iterator[DotbaseError]:
    """Views in api, which clients read as themselves, and those of the app's own schema."""
    for section, schema, lines in policies.view_sections(one.app, one.policies):
        for name, roles in lines.items():
            where = one.document.where(section, name)
            view = found.views.get((schema, name))
            if view is None:
                yield _missing(one.document, f"view {schema}.{name}", section, name)
            elif view.is_materialized and schema == "api":
                yield DotbaseError(
                    f"materialized view api.{name} shows all of its rows, since no row-level security"
                    " holds for it",
                    "move it to the app's schema, list it under `private_views:`, and show it by an RPC",
                    where,
                )
            elif roles and not (view.reads_as_caller or view.is_materialized):
                yield DotbaseError(
                    f"view {schema}.{name} reads as its owner, past row-level security",
                    "make it `with (security_invoker = true)`",
                    where,
                )
            yield from _roles(one.document, roles, found, variables, section, name)
    for schema, name in sorted(found.views):
        if schema == one.app and name not in one.policies.private_views:
            section = "private_views" if ("private_views",) in one.document.lines else "views"
            yield DotbaseError(
                f"view {schema}.{name} has no line",
                f"add `{name}: []` under `private_views:`, or make it in schema api for clients to see",
                one.document.where(section),
            )


def _functions(one: AppPolicies, found: Found, variables: Variables) -> Iterator[DotbaseError]:
    called = {name: rpc.roles for name, rpc in one.policies.rpcs.items()}
    for section, names in (("functions", one.policies.functions), ("rpcs", called)):
        for name, roles in names.items():
            if (one.app, name) not in found.routines:
                yield _missing(one.document, f"function {one.app}.{name}", section, name)
            yield from _roles(one.document, roles, found, variables, section, name)


def _exposed(declared: list[AppPolicies], found: Found) -> Iterator[DotbaseError]:
    """Nothing is in api that no line put there."""
    rpcs = {name: one.app for one in declared for name in one.policies.rpcs}
    views = {name for one in declared for name in one.policies.views}
    last = declared[-1].document if declared else None
    for schema, name in sorted(found.views):
        if schema == "api" and name not in views and last:
            yield DotbaseError(
                f"view api.{name} has no line", "list it under `views:` of its app", last.where("views")
            )
    for schema, name in sorted(found.routines):
        if schema != "api" or not last:
            continue
        # A namesake of an RPC is none: it has other arguments than the RPC's function.
        behind = {one.arguments for one in found.routines.get((rpcs.get(name, ""), name), [])}
        other = ", as the RPC of this name has other arguments" if behind else ""
        place = "its app's schema under another name" if behind else "its app's schema"
        for one in found.routines[schema, name]:
            if one.arguments not in behind:
                yield DotbaseError(
                    f"function {one.title} is no RPC{other}",
                    f"move it to {place} and list it under `rpcs:`",
                    last.where("rpcs"),
                )
    for schema, name in sorted(found.tables):
        if schema == "api" and last:
            yield DotbaseError(
                f"table api.{name} is exposed", "move it to its app's schema", last.where("tables")
            )


def _misplaced(project: Project, found: Found) -> Iterator[DotbaseError]:
    """What no line could allow, because it lies where no app's lines reach."""
    for schema, name, kind in found.misplaced:
        what = "is exposed" if schema == "api" else "lies outside of every app"
        yield DotbaseError(
            f"{kind} {schema}.{name} {what}", "move it to its app's schema", project.document.name
        )


def _roles(
    document: Document, roles: list[str], found: Found, variables: Variables, *place: str | int
) -> Iterator[DotbaseError]:
    for role in roles:
        if real_role(role, variables) not in found.roles:
            yield DotbaseError(
                f"role {role} does not exist",
                "name anon, authenticated, service_role, cron, or a role that `roles:` of apps.yaml declares",
                document.where(*place),
            )


def _missing(document: Document, what: str, *place: str | int) -> DotbaseError:
    return DotbaseError(
        f"{what} does not exist", "make it, rename the line, or delete it", document.where(*place)
    )
