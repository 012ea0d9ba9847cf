"""The RPCs as the catalog has them, with who may call each and values that are good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import yaml

from tests.harness.databases import Database
from tests.harness.people import Person, admin, anon, service, walker
from tests.harness.server import ROOT

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
# Good values where a type's own will not do.
GOOD = {
    ("claim_steps", "threshold"): "1000",
    ("report_steps", "steps"): "5000",
    ("set_setting", "name"): '"luckywalk.tier4_prize"',
    ("set_setting", "value"): "50000",
}
GOOD_BY_NAME = {"round_no": "1153", "numbers": "[3, 11, 19, 27, 35, 43]"}
GOOD_BY_TYPE = {
    "integer": "1",
    "text": '"a good text"',
    "integer[]": "[1, 2, 3]",
    "uuid": '"00000000-0000-4000-8000-ffffffffffff"',
    "jsonb": "1",
}


@dataclass(frozen=True)
class Rpc:
    """An RPC: its name, its arguments with their types, the people who may call it."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    people: tuple[Person, ...]
    known: Mapping[str, str] = field(default_factory=dict)

    def knowing(self, values: Mapping[str, str]) -> Rpc:
        """The same RPC with these good values, by argument."""
        return replace(self, known=values)

    def body(self, **hostile: str) -> str:
        """A body with these values as JSON text, and good ones for the other arguments."""
        values = {argument: self.good(argument, kind) for argument, kind in self.arguments} | hostile
        return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in values.items()) + "}"

    def good(self, argument: str, kind: str) -> str:
        """A value with which the RPC works, or at least understands its caller."""
        if argument in self.known:
            return self.known[argument]
        by_name = GOOD_BY_NAME.get(argument, GOOD_BY_TYPE.get(kind, "null"))
        return GOOD.get((self.name, argument), by_name)


def declared() -> dict[str, list[str]]:
    """Roles by RPC, as policies/<app>.yaml list them."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "policies").glob("*.yaml")):
        found |= yaml.safe_load(path.read_text()).get("rpcs") or {}
    return found


def rpcs(db: Database) -> list[Rpc]:
    """Every function of schema api."""
    arguments: dict[str, list[tuple[str, str]]] = {}
    for row in db.rows(SIGNATURES):
        arguments.setdefault(row["name"], [])
        if row["argument"] is not None:
            arguments[row["name"]].append((row["argument"], row["type"]))
    roles = declared()
    return [
        Rpc(name, tuple(found), tuple(CALLERS[role] for role in roles[name]))
        for name, found in arguments.items()
    ]
