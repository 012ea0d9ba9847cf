"""Rights of the catalog against the lines of policies/: no line, no right; and no line without its right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.catalog.rights import RIGHTS
from dotbase.errors import DotbaseError
from dotbase.printable import plain
from dotbase.render import sources
from dotbase.render.declarations.policies import AppPolicies, Right, all_grants, real_role
from dotbase.render.project import Project
from dotbase.render.templates import Variables

# What `rows: own` and `rows: all` are in the catalog; any other condition is only known by its template.
SHOWN = {"own": "(user_id = ( SELECT auth.uid() AS uid))", "all": "true"}
COMMANDS = {"select": "r", "insert": "a", "update": "w", "delete": "d"}
NOBODY = (False, "*", ("anon", "authenticated"), "false", None)
SECTIONS = {"routine": "functions", "schema": "functions", "type": "functions", "view": "views"}
# Asked who is calling by every policy; the bootstrap's core gives them, as Supabase does by itself.
ASKERS = ("anon", "authenticated", "service_role")


@dataclass(frozen=True)
class Live:
    """One row of the query: a right, an owner, or how row-level security is."""

    what: str
    kind: str
    schema: str
    name: str
    shown: str
    column: str | None
    role: str
    privilege: str
    facts: list[Any] | None

    @property
    def key(self) -> tuple[str, str, str | None, str, str]:
        """The right as a line gives it."""
        kind = self.kind if self.kind in ("schema", "routine") else "relation"
        target = self.schema if kind == "schema" else f"{self.schema}.{self.name}"
        return (kind, target, self.column, self.role, self.privilege)


def read(connection: psycopg.Connection[Any], project: Project, variables: Variables) -> list[Live]:
    """Every right but the owner's, in one query."""
    ours = variables.target == "postgres"
    values = {
        "apps": [*project.apps, "api"],
        # The platform's `auth` is not ours to judge; the history and the movable clock always are.
        "schemas": [*project.apps, "api", "dotbase", "test_clock", *(["auth"] if ours else [])],
        "owner": variables.owner,
    }
    return [Live(*row) for row in connection.execute(RIGHTS, values)]


def undeclared(live: Sequence[Live], declared: Sequence[AppPolicies], variables: Variables) -> list[Live]:
    """The rights that no line gives."""
    lines = _expected(declared, variables)
    return [one for one in live if one.what == "right" and one.key not in lines and not _tools(one)]


def violations(
    live: Sequence[Live], project: Project, declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    """Every difference between the lines and the catalog, each as a sentence."""
    for one in undeclared(live, declared, variables):
        on = f" (column {one.column})" if one.column else ""
        what = f"{one.role} has {one.privilege} on {one.kind} {one.shown}{on}, which no line says"
        yield _refusal(one, what, "say it here", project, declared)
    yield from _ill_made(live, project, declared, variables)
    yield from _policies(live, project, declared, variables)
    yield from _missing(live, declared, variables)


def _ill_made(
    live: Sequence[Live], project: Project, declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    lines = _expected(declared, variables)
    for one in live:
        if one.what == "owner":
            # pg_cron shows a role its own lines only: a routine that is given to its role may be its own.
            execute = ("routine", f"{one.schema}.{one.name}", None, one.role, "execute")
            if not (one.kind == "routine" and one.role == variables.cron_role and execute in lines):
                what = f"{one.kind} {one.shown} belongs to {one.role}, not to {variables.owner}"
                yield _refusal(one, what, f"let {variables.owner} own it", project, declared)
        elif one.what == "security":
            what = f"row-level security of table {one.shown} is not {one.privilege}"
            yield _refusal(one, what, "leave it to this line", project, declared)
        elif one.what == "default":
            what = f"{one.role} will have {one.privilege} on every one of {one.shown} that is made later"
            yield _refusal(one, what, "say it here of each object", project, declared)
        elif one.what == "member":
            what = f"{one.role} is a member of {one.shown}, and has all of its rights"
            yield _refusal(one, what, "say here what it may do", project, declared)


def _policies(
    live: Sequence[Live], project: Project, declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    wanted: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for app in declared:
        for table, rights in app.policies.tables.items():
            wanted |= {(app.app, table, name): facts for name, facts in _wanted(rights, variables)}
    found = set()
    for one in live:
        if one.what != "policy" or one.facts is None:
            continue
        permissive, command, roles, using, check = one.facts
        key = (one.schema, one.name, one.privilege)
        found.add(key)
        facts = (permissive, command, tuple(sorted(roles)), using, check)
        if key not in wanted:
            what = f"table {one.shown} has policy {one.privilege}, which no line says"
            yield _refusal(one, what, "say it here", project, declared)
        elif not _same(wanted[key], facts):
            what = f"policy {one.privilege} of table {one.shown} is not what its line says"
            yield _refusal(one, what, "say it here", project, declared)
    for schema, table, name in wanted.keys() - found:
        one = Live("policy", "table", schema, table, f"{schema}.{table}", None, "", name, None)
        what = f"policy {name} of table {one.shown} is missing"
        yield _refusal(one, what, "leave it to this line", project, declared)


def _wanted(rights: list[Right], variables: Variables) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if not rights:
        yield "nobody", NOBODY
    for right in rights:
        rows = SHOWN.get(right.rows, ...)
        using = None if right.command == "insert" else rows
        check = rows if right.command in ("insert", "update") else None
        role = (real_role(right.role, variables),)
        yield f"{right.role}_{right.command}"[:63], (True, COMMANDS[right.command], role, using, check)


def _same(wanted: tuple[Any, ...], found: tuple[Any, ...]) -> bool:
    """An ellipsis stands for a condition whose text Postgres writes in its own way: there has to be one."""
    return all(
        have is not None if want is ... else have == want for want, have in zip(wanted, found, strict=True)
    )


def _missing(
    live: Sequence[Live], declared: Sequence[AppPolicies], variables: Variables
) -> Iterator[DotbaseError]:
    have = {one.key for one in live if one.what == "right"}
    have |= {
        ("routine", f"{one.schema}.{one.name}", None, one.role, "execute")
        for one in live
        if one.what == "owner"
    }
    for key, place in _expected(declared, variables).items():
        _, target, column, role, privilege = key
        if key not in have and role != variables.owner:
            on = f"{target} (column {column})" if column else target
            yield DotbaseError(
                f"{role} lacks {privilege} on {on}, which this line gives",
                "take out what revokes it, or the line",
                place,
            )


def _expected(
    declared: Sequence[AppPolicies], variables: Variables
) -> dict[tuple[str, str, str | None, str, str], str]:
    """Every right that a line gives, with its `file:line`."""
    lines: dict[tuple[str, str, str | None, str, str], str] = {}
    for app in declared:
        for place, grant in all_grants(app.app, app.policies, variables):
            for column in grant.columns or (None,):
                key = (grant.kind, grant.target, column, grant.role, grant.privilege)
                lines.setdefault(key, app.document.where(*place))
    return lines


def _tools(one: Live) -> bool:
    asking = ("schema", "usage"), ("routine", "execute")
    return one.schema == "auth" and one.role in ASKERS and (one.kind, one.privilege) in asking


def _refusal(
    one: Live, what: str, remedy: str, project: Project, declared: Sequence[AppPolicies]
) -> DotbaseError:
    home = next((app for app in declared if app.app == one.schema), None)
    if one.schema == "api":
        home = next((a for a in declared if one.name in {*a.policies.rpcs, *a.policies.views}), home)
    home = home or declared[-1]
    section = SECTIONS.get(one.kind, "tables")
    for named in ("rpcs", "views", "functions", "tables"):
        if one.name in getattr(home.policies, named):
            section = named
    source = _source(one, project)
    take = f"take it out of {source}" if source else "take it back"
    return DotbaseError(plain(what), f"{remedy}, or {take}", home.document.where(section, one.name))


def _source(one: Live, project: Project) -> str | None:
    """The template's line that seems to do it; statements may go over several lines."""
    name = one.schema if one.what in ("default", "member") else one.name
    verb = {"right": "grant", "policy": "policy", "member": "grant"}.get(one.what, "alter")
    looked = re.compile(rf"\b{verb}\b[^;]*?(?<!\w){re.escape(name)}(?!\w)[^;]*", re.IGNORECASE)
    best = None
    paths = [path for layer in ("functions", "schema") for path in sorted((project.root / layer).glob("*/*"))]
    for path in filter(sources.is_sql, paths):
        text = path.read_text(encoding="utf-8")
        for match in looked.finditer(text):
            place = f"{project.relative(path)}:{text[: match.start()].count(chr(10)) + 1}"
            if re.search(rf"\b{re.escape(one.role or one.privilege)}\b", match[0], re.IGNORECASE):
                return place
            best = best or (place if one.what == "security" and "security" in match[0].lower() else None)
    return best
