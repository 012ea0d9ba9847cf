"""What the statements that fix are made of: the change, names, literals, grants, settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dotbase.catalog.facts.items import OWNER, Item

# A name as the server quotes it, in which anything may be.
NAME = r'"(?:[^"]|"")+"|[^\s"]+'
GRANT = re.compile(rf"grant (?:on column (?P<column>{NAME}) )?to (?P<role>{NAME}|{re.escape(OWNER)})\Z")
DEFAULTS = re.compile(rf"of (?:{NAME}) on (?P<objects>\w+)( in (?:{NAME}))?\Z")
LISTS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")
ON_TABLE = ("constraint", "trigger", "policy", "rule")
ROUTINES = ("function", "procedure", "aggregate")


@dataclass(frozen=True)
class Change:
    """What is to be undone: an aspect of an item that is on both sides, or an item that is on one."""

    aspect: str
    declared: Item | None
    live: Item | None
    superuser: str

    @property
    def item(self) -> Item:
        """The live item, or the one that is missing."""
        found = self.live or self.declared
        assert found is not None
        return found

    @property
    def wanted(self) -> str | None:
        """The declared value of the aspect."""
        return self.declared.facts.get(self.aspect) if self.declared else None

    @property
    def found(self) -> str | None:
        """The live value of the aspect."""
        return self.live.facts.get(self.aspect) if self.live else None


class Unsafe(Exception):
    """No statement is offered, for this reason."""


def comment_target(item: Item) -> str:
    """An item as `comment on` takes it."""
    if item.kind in ON_TABLE:
        return f"{item.kind} {item.identifier} on {item.on}"
    return f"{item.kind} {item.name}"


def settings_target(item: Item) -> str:
    """An item as `alter … set` takes it."""
    return f"{item.kind} {item.identifier if item.kind in ('database', 'role') else item.name}"


def set_or_reset(name: str, value: str | None) -> str:
    """`set … = …`, or `reset …`; values of lists are told one by one."""
    if value is None:
        return f"reset {name}"
    if name in LISTS:
        parts = [part.strip().strip('"') for part in value.split(",")]
        return f"set {name} = {', '.join(literal(part) for part in parts)}"
    return f"set {name} = {literal(value)}"


def set_or_drop_default(value: str | None) -> str:
    """`set default …`, or `drop default`, of a column."""
    return "drop default" if value is None else f"set default {value}"


def literal(value: str | None) -> str:
    """A text as SQL has it."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def split_rights(value: str | None) -> set[str]:
    """The single rights of a fact about grants."""
    return set(value.split(", ")) if value else set()


def change_grants(item: Item, aspect: str, found: set[str], wanted: set[str]) -> Iterator[str]:
    """Revoke what is too much, grant what is too little; `*` is the right to grant on."""
    match = GRANT.match(aspect)
    assert match
    role = match["role"]
    column = match["column"] or (item.identifier if item.kind == "column" else None)
    lead = ""
    if item.kind == "default privileges":
        lead = f"{item.create} "
        role = item.identifier if role == OWNER else role
        on = _objects(item)
    else:
        role = item.facts.get("owner", item.identifier) if role == OWNER else role
        on = grant_target(item)
    for take, word in ((True, "revoke"), (False, "grant")):
        plain, option = [], []
        for right in sorted(found - wanted if take else wanted - found):
            name = right.rstrip("*")
            of_column = f"{name} ({column})" if column else name
            if right.endswith("*") and (not take or name in wanted):
                option.append(of_column)
            elif f"{name}*" not in (wanted if take else found):
                plain.append(of_column)
        if plain:
            yield f"{lead}{word} {', '.join(plain)} on {on} {'from' if take else 'to'} {role}"
        if option and take:
            yield f"{lead}revoke grant option for {', '.join(option)} on {on} from {role}"
        elif option:
            yield f"{lead}grant {', '.join(option)} on {on} to {role} with grant option"


def _objects(item: Item) -> str:
    """Which kind of things default privileges are for."""
    match = DEFAULTS.match(item.name)
    assert match
    return match["objects"]


def grant_target(item: Item) -> str:
    """An item as `grant … on` takes it."""
    if item.kind == "column":
        return f"table {item.on}"
    if item.kind in ("view", "materialized view", "foreign table"):
        return f"table {item.name}"
    if item.kind in ROUTINES:
        return f"routine {item.name}"
    return f"{item.kind} {item.identifier if item.kind == 'database' else item.name}"


def made_again(item: Item, create: Callable[[Item], Iterator[str]]) -> Iterator[str]:
    """An item made again with its owner, grants, comments and settings."""
    yield from create(item)
    if "owner" in item.facts:
        yield f"alter {item.kind} {item.name} owner to {item.facts['owner']}"
    if any(GRANT.match(aspect) for aspect in item.facts):
        yield f"revoke all on {grant_target(item)} from public"
    for aspect, value in sorted(item.facts.items()):
        if GRANT.match(aspect) and not aspect.endswith(OWNER):
            yield from change_grants(item, aspect, set(), split_rights(value))
        elif aspect == "comment":
            yield f"comment on {comment_target(item)} is {literal(value)}"
        elif aspect.startswith("comment on column "):
            name = aspect.removeprefix("comment on column ")
            yield f"comment on column {item.name}.{name} is {literal(value)}"
