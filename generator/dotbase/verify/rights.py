"""Rights of the catalog against the lines of policies/: no line, no right; and no line without its right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.catalog import policies, privileges, roles
from dotbase.catalog.policies import Policy, Unsecured
from dotbase.catalog.privileges import DefaultPrivilege, Owned, Privilege
from dotbase.errors import DotbaseError
from dotbase.printable import plain
from dotbase.render import sources
from dotbase.render.declarations.policies import AppPolicies, Right, all_grants, real_role, row_policies
from dotbase.render.project import Project
from dotbase.render.templates import Variables

Connection = psycopg.Connection[Any]
# A right as a line gives it: kind, object, column, role, privilege.
Key = tuple[str, str, str | None, str, str]

# What `rows: own` and `rows: all` are in the catalog; any other condition is only known by its template.
CONDITIONS = {"own": "(user_id = ( SELECT auth.uid() AS uid))", "all": "true"}
COMMANDS = {"select": "r", "insert": "a", "update": "w", "delete": "d"}
NOBODY = (False, "*", ("anon", "authenticated"), "false", None)
SECTIONS = {"routine": "functions", "schema": "functions", "type": "functions", "view": "views"}
# Policies ask `auth` who is calling, as these.
CLIENTS = ("anon", "authenticated", "service_role")
# None of these may become the owner.
NO_MEMBERS = (*CLIENTS, "authenticator")


@dataclass(frozen=True)
class Rights:
    """What the apps' schemas grant and how they are protected, where it is not the owner's own."""

    privileges: Sequence[Privilege]
    unsecured: Sequence[Unsecured]
    owned_by_others: Sequence[Owned]
    members: Sequence[str]  # of the owner: who of NO_MEMBERS may become it
    defaults: Sequence[DefaultPrivilege]
    policies: Sequence[Policy]


@dataclass(frozen=True)
class Fault:
    """An object that is not as the lines say, and by what statement a template may have made it so.

    verb, target, word: a statement with this verb on this target that names this word.
    """

    kind: str
    schema: str
    name: str
    verb: str
    target: str
    word: str


def read(connection: Connection, project: Project, variables: Variables) -> Rights:
    """What the catalog says of rights, owners and row-level security."""
    owner = variables.owner
    apps = [*project.apps, "api"]
    return Rights(
        _privileges(connection, project, variables),
        policies.unsecured(connection, apps),
        privileges.owned_by_others(connection, apps, owner),
        roles.members(connection, owner, NO_MEMBERS),
        privileges.defaults(connection, _schemas(project, variables), owner),
        policies.policies(connection, apps),
    )


def undeclared(
    connection: Connection, project: Project, declared: Sequence[AppPolicies], variables: Variables
) -> list[Privilege]:
    """The privileges that no line gives."""
    return _undeclared(_privileges(connection, project, variables), declared, variables)


def errors(
    rights: Rights, project: Project, declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    """Every difference between the lines and the catalog, each as a sentence."""
    for one in _undeclared(rights.privileges, declared, variables):
        on = f" (column {one.column})" if one.column else ""
        what = f"{one.role} has {one.privilege} on {one.kind} {one.title}{on}, which no line says"
        fault = Fault(one.kind, one.schema, one.name, "grant", one.name, one.role)
        yield _error(fault, what, "say it here", project, declared)
    for table in rights.unsecured:
        what = f"row-level security of table {table.title} is not {table.lacks}"
        fault = Fault("table", table.schema, table.name, "alter", table.name, "security")
        yield _error(fault, what, "leave it to this line", project, declared)
    yield from _owner_errors(rights, project, declared, variables)
    yield from _policy_errors(rights, project, declared, variables)
    yield from _missing_errors(rights, declared, variables)


def _schemas(project: Project, variables: Variables) -> list[str]:
    """The apps' schemas and ours; the platform's `auth` is not ours to judge."""
    ours = ["auth"] if variables.target == "postgres" else []
    return [*project.apps, "api", "dotbase", "test_clock", *ours]


def _privileges(connection: Connection, project: Project, variables: Variables) -> list[Privilege]:
    return privileges.granted(connection, _schemas(project, variables), variables.owner)


def _undeclared(
    found: Sequence[Privilege], declared: Sequence[AppPolicies], variables: Variables
) -> list[Privilege]:
    lines = _declared(declared, variables)
    return [one for one in found if _key(one) not in lines and not _is_bootstrap(one)]


def _is_bootstrap(one: Privilege) -> bool:
    """Whether it is of those that the bootstrap gives, as Supabase does by itself: to ask who is calling."""
    asking = ("schema", "usage"), ("routine", "execute")
    return one.schema == "auth" and one.role in CLIENTS and (one.kind, one.privilege) in asking


def _owner_errors(
    rights: Rights, project: Project, declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    """Who owns, may become the owner, or will have rights on what is made later."""
    owner = variables.owner
    for one in rights.owned_by_others:
        what = f"{one.kind} {one.title} belongs to {one.owner}, not to {owner}"
        fault = Fault(one.kind, one.schema, one.name, "alter", one.name, one.owner)
        yield _error(fault, what, f"let {owner} own it", project, declared)
    for role in rights.members:
        what = f"{role} is a member of {owner}, and has all of its rights"
        # Any grant to the role: a template may name the owner by a variable.
        fault = Fault("role", "", owner, "grant", "", role)
        yield _error(fault, what, "say here what it may do", project, declared)
    for default in rights.defaults:
        what = (
            f"{default.role} will have {default.privilege} on every one of {default.title} that is made later"
        )
        fault = Fault("schema", default.schema, default.schema, "alter", default.schema, default.role)
        yield _error(fault, what, "say it here of each object", project, declared)


def _policy_errors(
    rights: Rights, project: Project, declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    wanted: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for app in declared:
        for table, lines in app.policies.tables.items():
            wanted |= {(app.app, table, name): facts for name, facts in _policies_of(lines, variables)}
    found = set()
    for policy in rights.policies:
        key = (policy.schema, policy.table, policy.name)
        found.add(key)
        if key not in wanted:
            what = f"table {policy.title} has policy {policy.name}, which no line says"
            yield _policy_error(key, what, "say it here", project, declared)
        elif not _same(wanted[key], policy):
            what = f"policy {policy.name} of table {policy.title} is not what its line says"
            yield _policy_error(key, what, "say it here", project, declared)
    for schema, table, name in wanted.keys() - found:
        what = f"policy {name} of table {schema}.{table} is missing"
        yield _policy_error((schema, table, name), what, "leave it to this line", project, declared)


def _policy_error(
    key: tuple[str, str, str], what: str, remedy: str, project: Project, declared: Sequence[AppPolicies]
) -> DotbaseError:
    schema, table, name = key
    return _error(Fault("table", schema, table, "policy", table, name), what, remedy, project, declared)


def _policies_of(lines: list[Right], variables: Variables) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The policies that a table's lines become, by name."""
    if not lines:
        yield "nobody", NOBODY
    for policy in row_policies(lines):
        rows = CONDITIONS.get(policy.rows[0], ...) if len(policy.rows) == 1 else ...
        using = None if policy.command == "insert" else rows
        check = rows if policy.command in ("insert", "update") else None
        role = (real_role(policy.role, variables),)
        yield policy.name, (True, COMMANDS[policy.command], role, using, check)


def _same(wanted: tuple[Any, ...], policy: Policy) -> bool:
    """An ellipsis stands for a condition whose text Postgres writes in its own way: there has to be one."""
    facts = (policy.permissive, policy.command, tuple(sorted(policy.roles)), policy.using, policy.check)
    return all(
        have is not None if want is ... else have == want for want, have in zip(wanted, facts, strict=True)
    )


def _missing_errors(
    rights: Rights, declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    have = {_key(one) for one in rights.privileges}
    have |= {
        ("routine", f"{one.schema}.{one.name}", None, one.owner, "execute") for one in rights.owned_by_others
    }
    for key, place in _declared(declared, variables).items():
        _, target, column, role, privilege = key
        if key not in have and role != variables.owner:
            on = f"{target} (column {column})" if column else target
            yield DotbaseError(
                f"{role} lacks {privilege} on {on}, which this line gives",
                "take out what revokes it, or the line",
                place,
            )


def _key(one: Privilege) -> Key:
    """A privilege as a line gives it."""
    kind = one.kind if one.kind in ("schema", "routine") else "relation"
    target = one.schema if kind == "schema" else f"{one.schema}.{one.name}"
    return (kind, target, one.column, one.role, one.privilege)


def _declared(declared: Sequence[AppPolicies], variables: Variables) -> dict[Key, str]:
    """Every right that a line gives, with its `file:line`."""
    lines: dict[Key, str] = {}
    for app in declared:
        for place, grant in all_grants(app.app, app.policies, variables):
            for column in grant.columns or (None,):
                key = (grant.kind, grant.target, column, grant.role, grant.privilege)
                lines.setdefault(key, app.document.where(*place))
    return lines


def _error(
    fault: Fault, what: str, remedy: str, project: Project, declared: Sequence[AppPolicies]
) -> DotbaseError:
    """The sentence, at the line of policies/ where it would be said."""
    home = next((app for app in declared if app.app == fault.schema), None)
    if fault.schema == "api":
        home = next((a for a in declared if fault.name in {*a.policies.rpcs, *a.policies.views}), home)
    home = home or declared[-1]
    section = SECTIONS.get(fault.kind, "tables")
    for named in ("rpcs", "views", "functions", "tables"):
        if fault.name in getattr(home.policies, named):
            section = named
    source = _source(fault, project)
    take = f"take it out of {source}" if source else "take it back"
    return DotbaseError(plain(what), f"{remedy}, or {take}", home.document.where(section, fault.name))


def _source(fault: Fault, project: Project) -> str | None:
    """The template's line that seems to do it; statements may go over several lines."""
    statement = re.compile(
        rf"\b{fault.verb}\b[^;]*?(?<!\w){re.escape(fault.target)}(?!\w)[^;]*", re.IGNORECASE
    )
    word = re.compile(rf"\b{re.escape(fault.word)}\b", re.IGNORECASE)
    paths = [path for layer in ("functions", "schema") for path in sorted((project.root / layer).glob("*/*"))]
    for path in filter(sources.is_sql, paths):
        text = path.read_text(encoding="utf-8")
        for match in statement.finditer(text):
            if word.search(match[0]):
                return f"{project.relative(path)}:{text[: match.start()].count(chr(10)) + 1}"
    return None
