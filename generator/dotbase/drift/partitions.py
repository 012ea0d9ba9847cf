"""Partitions that jobs make: each is held to a model, which the app's own routine makes in the reference."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from dotbase.drift.items import Catalog, Item
from dotbase.drift.queries import Scope

Connection = psycopg.Connection[Any]

# What a partition has because of what it is, told by the live one.
ITS_OWN = ("partition of", "bound", "partition key")

# Bounds as the server writes them, and names as the jobs give them.
ONE_VALUE = re.compile(r"FOR VALUES IN \(('(?:[^']|'')*'|[^',()]+)\)")
DAYS = re.compile(r"FOR VALUES FROM \('(\d{4}-\d\d-\d\d)'\) TO \('(\d{4}-\d\d-\d\d)'\)")
NUMBER = re.compile(r"_(\d+)\Z")
MONTH = re.compile(r"_(\d{4})_(0[1-9]|1[0-2])\Z")

PARENTS = """
select n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'p'
    and n.nspname !~ '^pg_'
    and (%(ours)s::text[] is null or n.nspname = any (%(ours)s::text[]))
order by c.oid
"""


def make_models(connection: Connection, scope: Scope, owner: str) -> dict[str, str]:
    """Make a model beside every partitioned table, as the owner; names of the models by their tables'.

    They are for the reader alone: whoever calls undoes them.
    """
    parents = connection.execute(PARENTS, {"ours": scope.parameters["ours"]}).fetchall()
    if not parents:
        return {}
    deny = connection.execute(
        "select to_regprocedure('core.deny_direct_access(regclass)') is not null"
    ).fetchone()
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(owner)))
    models: dict[str, str] = {}
    for number, (schema, table, enabled, forced, name) in enumerate(parents, start=1):
        model = sql.Identifier(schema, f"(model {number})")
        like = "create table {} (like {} including defaults including constraints including generated)"
        connection.execute(sql.SQL(like).format(model, sql.Identifier(schema, table)))
        if deny == (True,):
            connection.execute("select core.deny_direct_access(%s::regclass)", [model.as_string(connection)])
        else:
            security = {"enable": enabled, "force": forced}
            for word in [word for word, wanted in security.items() if wanted]:
                statement = f"alter table {{}} {word} row level security"
                connection.execute(sql.SQL(statement).format(model))
        models[name] = f'{sql.Identifier(schema).as_string(connection)}."(model {number})"'
    connection.execute("reset role")
    return models


def take_models(catalog: Catalog, models: dict[str, str]) -> None:
    """Move the models out of the items that are compared; a table's statement triggers go with its model."""
    for table, model in models.items():
        schema = catalog.items[("table", table)].parent
        name = f"{schema[1]}.{model.partition('.')[2]}" if schema else model
        members = [catalog.items.pop(("table", name))]
        for key in [key for key, item in catalog.items.items() if item.on == name]:
            found = catalog.items.pop(key)
            if found.kind in ("column", "policy"):
                members.append(found)
        members += [
            item
            for item in catalog.items.values()
            if item.kind == "trigger"
            and item.on == table
            and "FOR EACH STATEMENT" in item.facts["definition"]
        ]
        catalog.models[table] = members


def expect(declared: Catalog, live: Catalog) -> Catalog:
    """What is declared, and with it every live partition of a declared table as its model has it."""
    expected = replace(declared, items=dict(declared.items))
    for item in live.items.values():
        if item.kind == "table" and "partition of" in item.facts and item.key not in declared.items:
            parent = _declared_parent(item, declared, live)
            for member in declared.models.get(parent, ()):
                expected.add(_as(member, item, parent, live))
    return expected


def _declared_parent(item: Item, declared: Catalog, live: Catalog) -> str:
    parent = item.facts["partition of"]
    above = live.items.get(("table", parent))
    if parent not in declared.models and above is not None and "partition of" in above.facts:
        return _declared_parent(above, declared, live)
    return parent


def _bound(name: str, bound: str) -> str:
    """What a partition's bound has to be: one value, or one month; by its name where that says which."""
    value, month = ONE_VALUE.fullmatch(bound), DAYS.fullmatch(bound)
    if bound == "DEFAULT":
        return "no default partition"
    if bound.startswith("FOR VALUES IN "):
        number = NUMBER.search(name)
        if value is None:
            return f"FOR VALUES IN ({number[1]})" if number else "one value"
        return bound if number is None or number[1] == value[1].strip("'") else f"FOR VALUES IN ({number[1]})"
    if "MINVALUE" in bound or "MAXVALUE" in bound:
        return "both ends"
    if month is None:
        return bound
    named = MONTH.search(name)
    first = date(int(named[1]), int(named[2]), 1) if named else date.fromisoformat(month[1]).replace(day=1)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return f"FOR VALUES FROM ('{first}') TO ('{after}')"


def _as(member: Item, partition: Item, parent: str, live: Catalog) -> Item:
    """A member of a model with the names of the live partition."""
    if member.kind == "table":
        its_own = {name: partition.facts[name] for name in ITS_OWN if name in partition.facts}
        if partition.facts["partition of"] == parent:
            its_own["bound"] = _bound(partition.own, its_own["bound"])
        return replace(partition, facts={**member.facts, **its_own})
    if member.kind == "column":
        name = f"{partition.name}.{member.own}"
        found = live.items.get(("column", name))
        identity = {"identity": found.facts["identity"]} if found and "identity" in found.facts else {}
        facts = {**member.facts, **identity}
    else:
        name = f"{member.own} on {partition.name}"
        facts = {
            aspect: value.replace(f" ON {parent} ", f" ON {partition.name} ", 1)
            for aspect, value in member.facts.items()
            if aspect != "comment"
        }
    return replace(
        member,
        name=name,
        parent=partition.key,
        facts=facts,
        create=facts.get("definition"),
    )
