"""What is compared: items of a catalog with their facts, and the differences between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from dotbase.printable import plain

Key = tuple[str, str]  # kind and name
Facts = Mapping[str, str]

WIDTH = 90  # of a value on one line
SUPERUSER = "(superuser)"  # stands for whatever the superuser of a cluster is called
OWNER = "its owner"
NEWEST = "the newest that the server has"
MEMBER = "member of extension"
BUILT_IN = ("pg_catalog", "information_schema")  # schemas of what initdb makes


@dataclass(frozen=True)
class Item:
    """One object of a catalog.

    name:   unique among its kind, as people read it.
    own:    its own name, as SQL takes it.
    schema: the schema it lies in; empty for what lies in none.
    parent: what it goes with: when that is missing, nothing is said of this.
    facts:  what is compared, aspect by aspect. An aspect that is not there has its plain value; one that
            begins with an underscore is not compared.
    create: the statement that makes it, without owner, comment and grants.
    absent: the facts that hold while it is not there, of things that always have a value.
    """

    kind: str
    name: str
    own: str
    schema: str
    parent: Key | None
    facts: Facts
    create: str | None = None
    absent: Facts | None = None

    @property
    def key(self) -> Key:
        """Under which its counterpart is found."""
        return (self.kind, self.name)

    @property
    def on(self) -> str:
        """The name of what it lies on."""
        return self.parent[1] if self.parent else ""


@dataclass
class Catalog:
    """All items of one database.

    superuser: what its first superuser is called.
    version:   of the server, as 150020.
    models:    by the name of a partitioned table, what a partition looks like that its app makes.
    """

    items: dict[Key, Item] = field(default_factory=dict)
    models: dict[str, list[Item]] = field(default_factory=dict)
    superuser: str = "postgres"
    version: int = 0

    def add(self, item: Item) -> None:
        """Take an item in."""
        self.items[item.key] = item


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
            return f"{what} is called {brief(self.live)}"
        declared, live = apart(self.declared, self.live)
        return f"{what}: {self.aspect}: declared {brief(declared)}, live {brief(live)}"


def apart(declared: str | None, live: str | None) -> tuple[str | None, str | None]:
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


def brief(value: str | None, length: int = WIDTH) -> str:
    """A value on one line, its end cut off when it is long."""
    if value is None:
        return "none"
    line = plain(" ".join(value.split()))
    return line if len(line) <= length else f"{line[: length - 1]}…"
