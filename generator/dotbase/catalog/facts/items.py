"""What a snapshot consists of: the objects of one database, each with its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Key = tuple[str, str]  # kind and name
Facts = Mapping[str, str]

SUPERUSER = "(superuser)"  # stands for whatever the superuser of a cluster is called
OWNER = "its owner"
NEWEST = "the newest that the server has"
MEMBER = "member of extension"
BUILT_IN = ("pg_catalog", "information_schema")  # schemas of what initdb makes


@dataclass(frozen=True)
class Item:
    """One object of a database.

    name:       unique among its kind, as people read it.
    identifier: its own name, as SQL takes it.
    schema:     the schema it lies in; empty for what lies in none.
    parent:     what it goes with: when that is missing, nothing is said of this.
    facts:      what is compared, aspect by aspect. An aspect that is not there has its plain value; one that
                begins with an underscore is not compared.
    create:     the statement that makes it, without owner, comment and grants.
    absent:     the facts that hold while it is not there, of things that always have a value.
    """

    kind: str
    name: str
    identifier: str
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
class Snapshot:
    """All items of one database, as of one instant.

    superuser: what its first superuser is called.
    version:   of the server, as 150020.
    models:    by the name of a partitioned table, what a partition looks like that its app makes.
    """

    items: dict[Key, Item] = field(default_factory=dict)
    models: dict[str, list[Item]] = field(default_factory=dict)
    superuser: str = "postgres"
    version: int = 0

    def add(self, *items: Item) -> None:
        """Take items in."""
        for item in items:
            self.items[item.key] = item
