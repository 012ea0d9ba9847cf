"""What would fix a difference, where that is safe: nothing that loses rows, and nothing that cascades.

A statement that cannot be carried out (rows in its way, something that hangs on it) is refused by the server
and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dotbase.catalog.facts.items import MEMBER, SUPERUSER
from dotbase.drift.fixes import code, database, tables
from dotbase.drift.fixes.parts import (
    GRANT,
    Change,
    Unsafe,
    change_grants,
    comment_target,
    literal,
    set_or_drop_default,
    set_or_reset,
    settings_target,
    split_rights,
)

FIXERS = {**tables.FIXERS, **code.FIXERS, **database.FIXERS}
TOKEN = re.compile(rf"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|{re.escape(SUPERUSER)}""")


def statements(change: Change) -> tuple[tuple[str, ...], str | None]:
    """Statements that fix, or why there are none."""
    try:
        found = list(_of_most_kinds(change))
        if not found:
            found = list(FIXERS.get(change.item.kind, database.of_other_kind)(change))
        if found and change.declared is None and MEMBER in change.item.facts:
            out = f"alter extension {change.item.facts[MEMBER]} drop {change.item.kind} {change.item.name}"
            found = [out, *found]
    except Unsafe as unsafe:
        return (), str(unsafe)
    if not found:
        return (), "no single statement brings it back"
    return tuple(_with_superuser(one, change.superuser) for one in found), None


def _with_superuser(statement: str, superuser: str) -> str:
    """The statement with the superuser's name where he is meant; in a name or text nobody is."""
    return TOKEN.sub(lambda found: superuser if found[0] == SUPERUSER else found[0], statement)


def _of_most_kinds(change: Change) -> Iterator[str]:
    """Owner, comment, grants and settings, which most kinds have."""
    item, aspect = change.item, change.aspect
    if aspect == MEMBER and change.found:
        yield f"alter extension {change.found} drop {item.kind} {item.name}"
    elif aspect == MEMBER:
        yield f"alter extension {change.wanted} add {item.kind} {item.name}"
    elif aspect == "owner" and change.wanted and item.kind != "extension":
        yield f"alter {item.kind} {item.name} owner to {change.wanted}"
    elif aspect == "comment":
        yield f"comment on {comment_target(item)} is {literal(change.wanted)}"
    elif aspect.startswith("comment on column "):
        column = aspect.removeprefix("comment on column ")
        yield f"comment on column {item.name}.{column} is {literal(change.wanted)}"
    elif aspect.startswith("default of column "):
        column = aspect.removeprefix("default of column ")
        yield f"alter {item.kind} {item.name} alter column {column} {set_or_drop_default(change.wanted)}"
    elif GRANT.match(aspect):
        yield from change_grants(item, aspect, split_rights(change.found), split_rights(change.wanted))
    elif aspect.startswith("setting in database "):
        where, _, name = aspect.removeprefix("setting in database ").rpartition(" ")
        yield f"alter role {item.identifier} in database {where} {set_or_reset(name, change.wanted)}"
    elif aspect.startswith("setting "):
        yield f"alter {settings_target(item)} {set_or_reset(aspect.removeprefix('setting '), change.wanted)}"
