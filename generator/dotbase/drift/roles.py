"""Roles and memberships, as the bootstrap declares them and as the cluster has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from dotbase.catalog.facts import cluster
from dotbase.catalog.facts.cluster import ALL_ROLES
from dotbase.catalog.facts.items import Item
from dotbase.errors import DotbaseError
from dotbase.render import bootstrap
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]
Limit = tuple[str, str, str]


def declared(steps: Sequence[Step]) -> list[Item]:
    """The roles and memberships that the bootstrap makes."""
    step = next((step for step in steps if step.kind == "bootstrap"), None)
    found = bootstrap.declared_roles(step.sql) if step else bootstrap.DeclaredRoles()
    if step is not None and not found.whole(step.sql):
        raise DotbaseError(
            "the bootstrap's lists of roles and memberships cannot be read",
            "keep them as `(values ('role', 'attributes'), …) as roles (` and `… as memberships (`",
            step.key,
        )
    limits = step.limits if step is not None else ()
    return [
        *(_declared_role(name, words, limits) for name, words in found.attributes.items()),
        *(cluster.membership(of, member, {}) for of, member in found.memberships),
        cluster.role(ALL_ROLES, ALL_ROLES, {}),
    ]


def _declared_role(name: str, attributes: str, limits: Sequence[Limit]) -> Item:
    facts = dict.fromkeys(bootstrap.has(attributes), "yes")
    facts |= {f"setting {setting}": value for role, setting, value in limits if role == name}
    return cluster.role(name, name, facts, f"create role {name} {attributes}")


def limits_beside_others(connection: Connection, steps: Sequence[Step]) -> tuple[list[Item], list[Item]]:
    """On Supabase, where roles belong to the platform: the limits declared, and the limits that there are.

    A limit that the platform or its user has set is right, as it is for the bootstrap; so is a shorter one of
    PostgREST's login, which holds for a role that has none.
    """
    step = next((step for step in steps if step.kind == "bootstrap"), None)
    limits = step.limits if step is not None else ()
    kept = cluster.kept_limits(connection, limits)
    declared: dict[str, dict[str, str]] = {}
    live: dict[str, dict[str, str]] = {}
    for role, setting, value in limits:
        declared.setdefault(role, {})[f"setting {setting}"] = value
        live.setdefault(role, {}).update({f"setting {setting}": value} if (role, setting) in kept else {})
    return (
        [cluster.role(role, role, facts) for role, facts in declared.items()],
        [cluster.role(role, role, facts) for role, facts in live.items()],
    )


def live(connection: Connection, items: Sequence[Item], owner: str) -> Iterator[Item]:
    """The declared roles as they are, what is set for all, and every membership that concerns them."""
    ours = [item for item in items if item.kind == "role" and item.name != ALL_ROLES]
    # Who logs in from elsewhere has a password that its operator gives it. pg_cron comes over the socket.
    elsewhere = {item.name for item in ours if "login" in item.facts} - {"dotbase_cron"}
    names = [item.name for item in ours]
    for item in cluster.roles(connection, names):
        hidden = "password" if item.name in elsewhere else None
        yield replace(item, facts={name: told for name, told in item.facts.items() if name != hidden})
    inheriting = [item.name for item in ours if "inherit" in item.facts]
    yield from cluster.memberships(connection, names, inheriting, owner)


def note_of_privileged(connection: Connection, declared: Sequence[str]) -> str | None:
    """A sentence about the roles that nobody declared and that row-level security does not hold."""
    found = cluster.privileged_roles(connection, declared)
    return f"no difference, but not declared either: {'; '.join(found)}." if found else None
