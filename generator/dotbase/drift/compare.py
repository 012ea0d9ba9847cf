"""The comparison: what is missing, what is not declared, what is called or made otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

from dotbase.catalog.facts.items import MEMBER, Item, Key, Snapshot
from dotbase.drift import fixes
from dotbase.drift.fixes.parts import Change
from dotbase.drift.partitions import with_live_partitions
from dotbase.drift.versions import lies_with_extension, same_query, write_views_alike
from dotbase.printable import plain

RENAMED = ("column", "constraint", "index", "policy", "trigger")
WIDTH = 90  # of a value on one line


@dataclass(frozen=True)
class Difference:
    """One difference: an aspect of an object, or its being there at all (without an aspect).

    fix:   statements, one after the other, that make the live database as declared.
    reason: why none are offered.
    """

    app: str
    kind: str
    object: str
    aspect: str
    declared: str | None
    live: str | None
    fix: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def sentence(self) -> str:
        """One line, without what would fix it."""
        return plain(self._said())

    def _said(self) -> str:
        what = f"{self.kind} {self.object}"
        if not self.aspect:
            return f"{what} {'is missing' if self.live is None else 'is not declared'}"
        if self.aspect == "name":
            return f"{what} is called {shorten(self.live)}"
        declared, live = first_difference(self.declared, self.live)
        return f"{what}: {self.aspect}: declared {shorten(declared)}, live {shorten(live)}"


def first_difference(declared: str | None, live: str | None) -> tuple[str | None, str | None]:
    """Of two long texts, where they begin to differ."""
    if declared is None or live is None:
        return declared, live
    lines, others = (
        [line.strip() for line in text.splitlines() if line.strip()] for text in (declared, live)
    )
    if len(lines) > 1 and len(others) > 1 and lines != others:
        pairs = zip_longest(lines, others, fillvalue="nothing more")
        declared, live = next((one, other) for one, other in pairs if one != other)
    same = next((place for place, (a, b) in enumerate(zip(declared, live, strict=False)) if a != b), 0)
    if max(len(declared), len(live)) > WIDTH and same > WIDTH // 2:
        declared, live = (f"…{text[same - WIDTH // 4 :]}" for text in (declared, live))
    return declared, live


def shorten(value: str | None, length: int = WIDTH) -> str:
    """A value on one line, its end cut off when it is long."""
    if value is None:
        return "none"
    line = plain(" ".join(value.split()))
    return line if len(line) <= length else f"{line[: length - 1]}…"


def compare(declared: Snapshot, live: Snapshot, app_of: Callable[[Item], str]) -> list[Difference]:
    """Every difference of a live database from the declared one, in order of app, kind and object."""
    found = _Comparison(with_live_partitions(declared, live), live, app_of).differences()
    return sorted(found, key=lambda one: (one.app, one.kind, one.object, one.aspect))


class _Comparison:
    def __init__(self, declared: Snapshot, live: Snapshot, app_of: Callable[[Item], str]) -> None:
        self._declared = declared.items
        self._live = live.items
        self._app_of = app_of
        self._superuser = live.superuser
        self._views_alike = write_views_alike(declared.version, live.version)
        both = [key for key in declared.items if key in live.items]
        self._both = dict.fromkeys(both)
        self._missing = {key: item for key, item in declared.items.items() if key not in self._both}
        self._extra = {key: item for key, item in live.items.items() if key not in self._both}

    def differences(self) -> Iterator[Difference]:
        yield from self._renamed()
        for item in self._missing.values():
            if self._goes_with_parent(item, self._missing, self._declared):
                continue
            if item.absent is not None:
                yield from self._facts(item, replace(item, facts=item.absent))
            else:
                yield self._difference("", item, None)
        for item in self._extra.values():
            if self._goes_with_parent(item, self._extra, self._live):
                continue
            if item.absent is not None:
                yield from self._facts(replace(item, facts=item.absent), item)
            else:
                yield self._difference("", None, item)
        for key in self._both:
            yield from self._facts(self._declared[key], self._live[key])

    def _goes_with_parent(self, item: Item, gone: dict[Key, Item], snapshot: dict[Key, Item]) -> bool:
        """Whether what it lies on is reported, so that nothing is to be said of it."""
        if (
            item.kind == "sequence"
            and item.parent
            and item.parent[0] == "column"
            and item.parent in self._both
        ):
            return True  # an identity column is one no more, or has become one
        extension = gone.get(("extension", item.facts.get(MEMBER, "")))
        if extension is not None and lies_with_extension(item, extension):
            return True
        above = [item.parent] if item.parent else []
        if "partition of" in item.facts:
            above.append(("table", item.facts["partition of"]))
        return any(
            key in gone or (key in snapshot and self._goes_with_parent(snapshot[key], gone, snapshot))
            for key in above
        )

    def _renamed(self) -> Iterator[Difference]:
        """Pairs of a missing and an undeclared one on the same table that differ in their names alone."""
        pairs: dict[object, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
        for side, items in enumerate((self._missing, self._extra)):
            for item in items.values():
                if item.kind in RENAMED and item.parent in self._both:
                    pairs[_signature(item)][side].append(item)
        for missing, extra in pairs.values():
            if len(missing) == len(extra) == 1:
                del self._missing[missing[0].key], self._extra[extra[0].key]
                yield self._difference("name", missing[0], extra[0])

    def _facts(self, declared: Item, live: Item) -> Iterator[Difference]:
        if declared.facts == live.facts:
            return
        for aspect in sorted(declared.facts.keys() | live.facts.keys()):
            values = declared.facts.get(aspect), live.facts.get(aspect)
            if aspect.startswith("_") or values[0] == values[1]:
                continue
            if (
                aspect == "definition"
                and "view" in live.kind
                and not self._views_alike
                and same_query(*values)
            ):
                continue
            yield self._difference(aspect, declared, live)

    def _difference(self, aspect: str, declared: Item | None, live: Item | None) -> Difference:
        item = declared or live
        assert item is not None
        statements, reason = fixes.statements(Change(aspect, declared, live, self._superuser))
        return Difference(
            app=self._app_of(item),
            kind=item.kind,
            object=item.name,
            aspect=aspect,
            declared=_value(aspect, declared),
            live=_value(aspect, live),
            fix=statements,
            reason=reason,
        )


def _value(aspect: str, item: Item | None) -> str | None:
    if item is None:
        return None
    if aspect == "name":
        return item.identifier
    return item.facts.get(aspect) if aspect else "there"


def _signature(item: Item) -> object:
    """What is left of an item without its name."""
    facts = {
        aspect: value.replace(f" {item.identifier} ", " ", 1) if aspect == "definition" else value
        for aspect, value in item.facts.items()
    }
    return (item.kind, item.parent, tuple(sorted(facts.items())))
