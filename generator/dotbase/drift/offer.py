"""What would fix a difference, where that is safe: nothing that loses rows, and nothing that cascades.

A statement that cannot be carried out (rows in its way, something that hangs on it) is refused by the server
and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dotbase.drift import fix_code, fix_tables, fix_whole
from dotbase.drift.fix import (
    GRANT,
    Change,
    Unsafe,
    default,
    grants,
    holder,
    literal,
    rights,
    setting,
    target,
)
from dotbase.drift.items import MEMBER, SUPERUSER

TOKEN = re.compile(rf"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|{re.escape(SUPERUSER)}""")
Offer = tuple[tuple[str, ...], str | None]


def offer(change: Change) -> Offer:
    """Statements that fix, or why there are none."""
    try:
        statements = list(_shared(change))
        for family in (fix_tables, fix_code, fix_whole):
            if not statements:
                statements = list(family.statements(change))
        if statements and change.declared is None and MEMBER in change.item.facts:
            hidden = f"alter extension {change.item.facts[MEMBER]} drop {change.item.kind} {change.item.name}"
            statements = [hidden, *statements]
    except Unsafe as unsafe:
        return (), str(unsafe)
    if not statements:
        return (), "no single statement brings it back"
    return tuple(_named(one, change.superuser) for one in statements), None


def _named(statement: str, superuser: str) -> str:
    """The statement with the superuser's name where he is meant; in a name or text nobody is."""
    return TOKEN.sub(lambda found: superuser if found[0] == SUPERUSER else found[0], statement)


def _shared(change: Change) -> Iterator[str]:
    """Owner, comment, grants and settings, which most kinds have."""
    item, aspect = change.item, change.aspect
    if aspect == MEMBER and change.found:
        yield f"alter extension {change.found} drop {item.kind} {item.name}"
    elif aspect == MEMBER:
        yield f"alter extension {change.wanted} add {item.kind} {item.name}"
    elif aspect == "owner" and change.wanted and item.kind != "extension":
        yield f"alter {item.kind} {item.name} owner to {change.wanted}"
    elif aspect == "comment":
        yield f"comment on {target(item)} is {literal(change.wanted)}"
    elif aspect.startswith("comment on column "):
        column = aspect.removeprefix("comment on column ")
        yield f"comment on column {item.name}.{column} is {literal(change.wanted)}"
    elif aspect.startswith("default of column "):
        column = aspect.removeprefix("default of column ")
        yield f"alter {item.kind} {item.name} alter column {column} {default(change.wanted)}"
    elif GRANT.match(aspect):
        yield from grants(item, aspect, rights(change.found), rights(change.wanted))
    elif aspect.startswith("setting in database "):
        database, _, name = aspect.removeprefix("setting in database ").rpartition(" ")
        yield f"alter role {item.own} in database {database} {setting(name, change.wanted)}"
    elif aspect.startswith("setting "):
        yield f"alter {holder(item)} {setting(aspect.removeprefix('setting '), change.wanted)}"
