"""What a database has that somebody could have a right on: the rows of the access matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from dotbase.catalog import relations, routines, schemas

Kind = Literal["schema", "table", "view", "rpc", "function", "sequence"]
EXPOSED = "api"


@dataclass(frozen=True)
class AccessObject:
    """One object: its name in its schema, and the name that is printed, with a routine's arguments."""

    kind: Kind
    schema: str
    name: str
    title: str
    columns: tuple[str, ...] = ()


def read(connection: psycopg.Connection[Any], among: list[str]) -> list[AccessObject]:
    """These schemas and every object of theirs, by the name that is printed."""
    found = [AccessObject("schema", name, name, name) for name in schemas.existing(connection, among)]
    for relation in relations.of_schemas(connection, among):
        columns = tuple(relation.columns)
        found.append(AccessObject(relation.kind, relation.schema, relation.name, relation.title, columns))
    for routine in routines.of_schemas(connection, among):
        kind: Kind = "rpc" if routine.schema == EXPOSED else "function"
        found.append(AccessObject(kind, routine.schema, routine.name, routine.title))
    return sorted(found, key=lambda one: one.title)
