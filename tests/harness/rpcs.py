"""The RPCs as the catalog has them, with who may call each and values with which it works."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from psycopg import sql

from tests.harness.apps import Call, call_of, said_by
from tests.harness.databases import Database
from tests.harness.declared import APP_OF_RPC, RPCS
from tests.harness.people import Person, admin, anon, service, walker

SIGNATURES = """
select p.proname as name, a.name as argument, pg_catalog.format_type(a.type, null) as type
from pg_proc as p
left join lateral unnest(p.proargnames, p.proargtypes::oid[]) with ordinality as a (name, type, place)
    on a.place <= p.pronargs
where p.pronamespace = 'api'::regnamespace
order by p.proname, a.place
"""
CALLERS: dict[str, Person] = {
    "anon": anon,
    "authenticated": walker(1),
    "administrator": admin,
    "service_role": service,
}
GOOD_BY_TYPE: dict[str, object] = {
    "smallint": 1,
    "integer": 1,
    "bigint": 1,
    "numeric": 1,
    "double precision": 1,
    "boolean": True,
    "text": "a good text",
    "date": "2025-01-04",
    "timestamp with time zone": "2025-01-04T20:00:00+09:00",
    "uuid": "00000000-0000-4000-8000-ffffffffffff",
    "integer[]": [1, 2, 3],
    "text[]": ["a good text"],
    "jsonb": 1,
    "json": 1,
}


@dataclass(frozen=True)
class Rpc:
    """An RPC: its name, its arguments with their types, the people who may call it."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    people: tuple[Person, ...]
    known: Mapping[str, object] = field(default_factory=dict)

    @property
    def app(self) -> str:
        """The app that it is of."""
        return APP_OF_RPC[self.name]

    @property
    def roles(self) -> list[str]:
        """The roles that its line lets in."""
        return RPCS[self.name]

    @property
    def call(self) -> Call:
        """How its app says that it is called."""
        return call_of(self.name)

    def knowing(self, values: Mapping[str, object]) -> Rpc:
        """The same RPC with these good values, by argument."""
        return replace(self, known=values)

    def values(self) -> dict[str, object]:
        """A good value for every argument, as JSON has it."""
        return {argument: self._value(argument, kind) for argument, kind in self.arguments}

    def good(self, argument: str) -> str:
        """A good value for an argument, as JSON text."""
        return json.dumps(self.values()[argument], default=str)

    def body(self, **hostile: str) -> str:
        """A body with these values as JSON text, and good ones for the other arguments."""
        values = {argument: self.good(argument) for argument, _ in self.arguments} | hostile
        return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in values.items()) + "}"

    def statement(self, schema: str = "api") -> str:
        """The call in SQL, with good values."""
        values = (_literal(self.values()[argument], kind) for argument, kind in self.arguments)
        return f"select * from {schema}.{self.name}({', '.join(values)})"

    def _value(self, argument: str, kind: str) -> object:
        samples = said_by(self.app).samples
        for values in (self.known, self.call.arguments, samples):
            if argument in values:
                return values[argument]
        return GOOD_BY_TYPE.get(kind)


def _literal(value: object, kind: str) -> str:
    """In quotes, without a type: Postgres reads it as the argument's own."""
    if value is None:
        return "null"
    if kind in ("json", "jsonb"):
        return sql.Literal(json.dumps(value)).as_string()
    return sql.Literal(value if isinstance(value, list) else str(value)).as_string()


def rpcs(db: Database) -> list[Rpc]:
    """Every function of schema api."""
    arguments: dict[str, list[tuple[str, str]]] = {}
    for row in db.rows(SIGNATURES):
        arguments.setdefault(row["name"], [])
        if row["argument"] is not None:
            arguments[row["name"]].append((row["argument"], row["type"]))
    return [
        Rpc(name, tuple(found), tuple(CALLERS[role] for role in RPCS[name]))
        for name, found in arguments.items()
    ]


def those_for(db: Database, role: str) -> list[Rpc]:
    """The RPCs that are for this role alone."""
    return [rpc for rpc in rpcs(db) if rpc.roles == [role]]
