"""What versions of servers and of extensions make different, which is no drift."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dotbase.catalog.facts.items import BUILT_IN, MEMBER, Item, Key, Snapshot

# From 16 on, a query over one table names columns without the table.
UNQUALIFIED_SINCE = 160000
SOURCE = re.compile(
    r"\b(?:FROM|JOIN)\s+\(*(?:[\w\"]+\.)?([\w\"]+)(?:\s+(?!ON\b|WHERE\b|JOIN\b)([a-z_\"]\w*\"?))?"
)


def note_of_majors(reference: int, live: int) -> list[str]:
    """What is to be said where the two servers are of different major versions."""
    if _same_major(reference, live):
        return []
    return [
        f"the database is on PostgreSQL {live // 10000}, the local cluster on {reference // 10000}:"
        " they may write the same definition differently, and what initdb made is not compared."
    ]


def leave_out_incomparable(declared: Snapshot, live: Snapshot, *, built_in: bool) -> None:
    """Take out of both what different versions of a server or of an extension make different.

    What is no older than initdb, or lies outside of its extension's own schema, stays in.
    """
    if not built_in or not _same_major(declared.version, live.version):
        for snapshot in (declared, live):
            _remove(snapshot, [key for key, item in snapshot.items.items() if item.schema in BUILT_IN])
    for key, item in list(declared.items.items()):
        found = live.items.get(key)
        if item.kind != "extension" or found is None:
            continue
        # An extension that moved is told, and its members have moved with it.
        if any(item.facts.get(fact) != found.facts.get(fact) for fact in ("_version", "schema")):
            for snapshot, extension in ((declared, item), (live, found)):
                _remove(snapshot, [one.key for one in _members(snapshot, extension)])


def lies_with_extension(item: Item, extension: Item) -> bool:
    """Whether a member lies where its extension says: elsewhere it may hide what is not the extension's."""
    return item.schema in ("", extension.facts.get("schema"))


def write_views_alike(version: int, other: int) -> bool:
    """Whether two servers write the query of a view in the same way."""
    return (version >= UNQUALIFIED_SINCE) == (other >= UNQUALIFIED_SINCE)


def same_query(declared: str | None, live: str | None) -> bool:
    """Whether two texts are one query, apart from the names in front of columns."""
    return declared is not None and live is not None and _unqualified(declared) == _unqualified(live)


def _same_major(version: int, other: int) -> bool:
    return version // 10000 == other // 10000


def _members(snapshot: Snapshot, extension: Item) -> Iterator[Item]:
    for item in snapshot.items.values():
        if item.facts.get(MEMBER) == extension.name and lies_with_extension(item, extension):
            yield item


def _remove(snapshot: Snapshot, keys: list[Key]) -> None:
    """Items, and what lies on them."""
    while keys:
        for key in keys:
            snapshot.items.pop(key, None)
        gone = set(keys)
        keys = [key for key, item in snapshot.items.items() if item.parent in gone]


def _unqualified(query: str) -> str:
    names = {alias or table for table, alias in SOURCE.findall(query)}
    bare = re.sub(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\.", "", query) if names else query
    return " ".join(bare.split())
