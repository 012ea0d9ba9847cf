"""The roles and memberships that a bootstrap lists: what a cluster has of them before anybody changes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

LIST = re.compile(r"\(values((?:\s*\('[^']*', '[^']*'\),?)+)\s*\) as (roles|memberships) ")
PAIR = re.compile(r"\('([^']*)', '([^']*)'\)")
ATTRIBUTES = ("superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls")


@dataclass(frozen=True)
class DeclaredRoles:
    """attributes: the words behind `create role`, by role. memberships: pairs of a role and its member."""

    attributes: dict[str, str] = field(default_factory=dict)
    memberships: Sequence[tuple[str, str]] = ()

    def whole(self, text: str) -> bool:
        """Whether what a bootstrap makes and grants was in lists that could be read."""
        made, granted = "create role" in text, "grant %I to %I" in text
        return made <= bool(self.attributes) and granted <= bool(self.memberships)


def declared_roles(text: str) -> DeclaredRoles:
    """The two lists of a bootstrap's text, or of one that is shaped like it."""
    lists: dict[str, list[tuple[str, str]]] = {"roles": [], "memberships": []}
    for match in LIST.finditer(text):
        lists[match[2]] += PAIR.findall(match[1])
    return DeclaredRoles(dict(lists["roles"]), lists["memberships"])


def has(attributes: str) -> frozenset[str]:
    """Which of the attributes a role has that is made with these words; it inherits unless they deny it."""
    words = attributes.split()
    return frozenset(
        word for word in ATTRIBUTES if word in words or (word == "inherit" and "noinherit" not in words)
    )
