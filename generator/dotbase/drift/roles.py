"""Roles and memberships, as the bootstrap declares them and as the cluster has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from dotbase.catalog.facts import cluster
from dotbase.catalog.facts.cluster import ALL_ROLES
from dotbase.catalog.facts.items import Item
from dotbase.errors import DotbaseError
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]

# The two lists of the bootstrap: its roles with their attributes, its memberships.
LIST = re.compile(r"\(values((?:\s*\('[^']*', '[^']*'\),?)+)\s*\) as (roles|memberships) ")
PAIR = re.compile(r"\('([^']*)', '([^']*)'\)")
ATTRIBUTES = ("superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls")


def declared(steps: Sequence[Step]) -> list[Item]:
    """The roles and memberships that the bootstrap makes."""
    step = next((step for step in steps if step.kind == "bootstrap"), None)
    lists = {match[2]: PAIR.findall(match[1]) for match in LIST.finditer(step.sql)} if step else {}
    # On Supabase a project may have roles of its own, and none that anybody may become.
    made = {"create role": "roles", "grant %I to %I": "memberships"}
    expected = {name for statement, name in made.items() if step is not None and statement in step.sql}
    if step is not None and lists.keys() != expected:
        raise DotbaseError(
            "the bootstrap's lists of roles and memberships cannot be read",
            "keep them as `(values ('role', 'attributes'), …) as roles (` and `… as memberships (`",
            step.key,
        )
    return [
        *(_declared_role(name, attributes) for name, attributes in lists.get("roles", [])),
        *(cluster.membership(of, member, {}) for of, member in lists.get("memberships", [])),
        cluster.role(ALL_ROLES, ALL_ROLES, {}),
    ]


def _declared_role(name: str, attributes: str) -> Item:
    words = attributes.split()
    facts = {
        word: "yes"
        for word in ATTRIBUTES
        if word in words or (word == "inherit" and "noinherit" not in words)
    }
    return cluster.role(name, name, facts, f"create role {name} {attributes}")


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
