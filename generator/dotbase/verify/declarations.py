"""Declarations against the catalog: what a line names exists; what exists has its line, and each right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.errors import DotbaseError
from dotbase.render.declarations import policies
from dotbase.render.declarations.policies import AppPolicies, real_role
from dotbase.render.documents import Document, Place
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.verify import jobs as verify_jobs
from dotbase.verify.rights import read as read_rights
from dotbase.verify.rights import violations as of_rights

Connection = psycopg.Connection[Any]

RELATIONS = """
select n.nspname, c.relname, c.relkind in ('r', 'p', 'f'), coalesce((
    select bool_or(o.option_value::boolean)
    from pg_catalog.pg_options_to_table(c.reloptions) as o
    where o.option_name = 'security_invoker'
), false), array(
    select a.attname::text
    from pg_catalog.pg_attribute as a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any (%s) and c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition
"""

ROUTINES = """
select n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname = any (%s)
"""

# Sequences of the exposed schema, and what the owner has outside of the apps.
ASTRAY = """
select case when c.relkind = 'S' then 'sequence' when c.relkind in ('v', 'm') then 'view' else 'table' end,
    n.nspname, c.relname
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S') and not c.relispartition
    and (
        (n.nspname = 'api' and c.relkind = 'S')
        or (pg_catalog.pg_get_userbyid(c.relowner) = %(owner)s and not n.nspname = any (%(schemas)s))
    )
union all
select 'function', n.nspname, p.proname
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where pg_catalog.pg_get_userbyid(p.proowner) = %(owner)s and not n.nspname = any (%(schemas)s)
order by 2, 3
"""
# The platform's, the tool's and the clock's, beside those of the apps.
OTHER_SCHEMAS = ("api", "auth", "dotbase", "test_clock")


@dataclass(frozen=True)
class Catalog:
    """What the database has, by schema."""

    tables: dict[tuple[str, str], list[str]]
    views: dict[tuple[str, str], bool]  # whether it reads as its caller
    routines: dict[tuple[str, str], list[str]]  # the arguments of each of that name
    roles: frozenset[str]
    astray: list[tuple[str, str, str]]  # kind, schema, name


def verify(connection: Connection, project: Project, variables: Variables) -> None:
    """Refuse the first declaration that names what does not exist, or object that no line allows.

    Reads catalogs and plans queries, no more, so that it can be the last thing before a commit.
    """
    violation = next(violations(connection, project, variables), None)
    if violation is not None:
        raise violation


def violations(connection: Connection, project: Project, variables: Variables) -> Iterator[DotbaseError]:
    """Everything that `verify` would refuse."""
    declared = policies.of(project)
    first = list(_of_objects(connection, project, declared, variables))
    yield from first
    # What is not there, or has no line, would be told once more for each of its rights.
    if not first:
        live = read_rights(connection, project, variables)
        yield from of_rights(live, project, declared, variables)


def verify_objects(connection: Connection, project: Project, variables: Variables) -> None:
    """Refuse as `verify` does, but let rights be what they are: for whoever wants to see them."""
    for violation in _of_objects(connection, project, policies.of(project), variables):
        raise violation


def _of_objects(
    connection: Connection, project: Project, declared: list[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    found = _read(connection, project, variables)
    for one in declared:
        yield from _tables(one, found, variables)
        yield from _functions(one, found, variables)
        yield from verify_jobs.violations(connection, one.app, project, found.routines)
    yield from _exposed(declared, found)
    yield from _astray(project, found)


def _read(connection: Connection, project: Project, variables: Variables) -> Catalog:
    schemas = [*project.apps, "api"]
    tables: dict[tuple[str, str], list[str]] = {}
    views: dict[tuple[str, str], bool] = {}
    for schema, name, is_table, invoker, columns in connection.execute(RELATIONS, [schemas]):
        if is_table:
            tables[(schema, name)] = columns
        else:
            views[(schema, name)] = invoker
    routines: dict[tuple[str, str], list[str]] = {}
    for schema, name, arguments in connection.execute(ROUTINES, [schemas]):
        routines.setdefault((schema, name), []).append(arguments)
    roles = connection.execute("select rolname from pg_catalog.pg_roles").fetchall()
    # On Supabase the owner is everybody's `postgres`: what lies elsewhere is none of ours.
    owner = variables.owner if variables.target == "postgres" else None
    places = {"owner": owner, "schemas": [*project.apps, *OTHER_SCHEMAS]}
    astray = connection.execute(ASTRAY, places).fetchall()
    return Catalog(tables, views, routines, frozenset(name for (name,) in roles), astray)


def _tables(one: AppPolicies, found: Catalog, variables: Variables) -> Iterator[DotbaseError]:
    for table, rights in one.policies.tables.items():
        columns = found.tables.get((one.app, table))
        if columns is None:
            yield _missing(one.document, f"table {one.app}.{table}", "tables", table)
            continue
        for number, right in enumerate(rights):
            yield from _roles(one.document, [right.role], found, variables, "tables", table, number)
            for column in right.columns or ():
                if column not in columns:
                    place: Place = ("tables", table, number, "columns")
                    yield _missing(one.document, f"column {column} of {one.app}.{table}", *place)
    for schema, table in sorted(found.tables):
        if schema == one.app and table not in one.policies.tables:
            yield DotbaseError(
                f"table {schema}.{table} has no line",
                f"add `{table}: []` to close it, or say who may do what with it",
                one.document.where("tables"),
            )
    for schema, view in sorted(found.views):
        if schema == one.app:
            yield DotbaseError(
                f"view {schema}.{view} is in the app's private schema",
                "make it in schema api, with security_invoker",
                one.document.where("views"),
            )


def _functions(one: AppPolicies, found: Catalog, variables: Variables) -> Iterator[DotbaseError]:
    for section, names in (("functions", one.policies.functions), ("rpcs", one.policies.rpcs)):
        for name, roles in names.items():
            if (one.app, name) not in found.routines:
                yield _missing(one.document, f"function {one.app}.{name}", section, name)
            yield from _roles(one.document, roles, found, variables, section, name)
    for name, roles in one.policies.views.items():
        if ("api", name) not in found.views:
            yield _missing(one.document, f"view api.{name}", "views", name)
        elif not found.views[("api", name)]:
            yield DotbaseError(
                f"view api.{name} reads as its owner, past row-level security",
                "make it `with (security_invoker = true)`",
                one.document.where("views", name),
            )
        yield from _roles(one.document, roles, found, variables, "views", name)


def _exposed(declared: list[AppPolicies], found: Catalog) -> Iterator[DotbaseError]:
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
        # A namesake of an RPC is none: it has other arguments than the RPC's function.
        behind = found.routines.get((rpcs.get(name, ""), name), [])
        if schema == "api" and last and found.routines[(schema, name)] != behind:
            yield DotbaseError(
                f"function api.{name} is no RPC",
                "move it to its app's schema and list it under `rpcs:`",
                last.where("rpcs"),
            )
    for schema, name in sorted(found.tables):
        if schema == "api" and last:
            yield DotbaseError(
                f"table api.{name} is exposed", "move it to its app's schema", last.where("tables")
            )


def _astray(project: Project, found: Catalog) -> Iterator[DotbaseError]:
    """What no line could allow, because it lies where no app's lines reach."""
    for kind, schema, name in found.astray:
        what = "is exposed" if schema == "api" else "lies outside of every app"
        yield DotbaseError(
            f"{kind} {schema}.{name} {what}", "move it to its app's schema", project.document.name
        )


def _roles(
    document: Document, roles: list[str], found: Catalog, variables: Variables, *place: str | int
) -> Iterator[DotbaseError]:
    for role in roles:
        if real_role(role, variables) not in found.roles:
            yield DotbaseError(
                f"role {role} does not exist",
                "name anon, authenticated, service_role, cron or a role of yours",
                document.where(*place),
            )


def _missing(document: Document, what: str, *place: str | int) -> DotbaseError:
    return DotbaseError(
        f"{what} does not exist", "make it, rename the line, or delete it", document.where(*place)
    )
