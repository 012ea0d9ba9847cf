"""Partitions that jobs make: each is held to a model, which the app's own routine makes in the reference."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog.facts.items import Item, Snapshot
from dotbase.catalog.facts.queries import Scope
from dotbase.catalog.facts.relations import partitioned_tables

Connection = psycopg.Connection[Any]

# What a partition has because of what it is, told by the live one.
ITS_OWN = ("partition of", "bound", "partition key")

# Bounds as the server writes them, and names as the jobs give them.
ONE_VALUE = re.compile(r"FOR VALUES IN \(('(?:[^']|'')*'|[^',()]+)\)")
DAYS = re.compile(r"FOR VALUES FROM \('(\d{4}-\d\d-\d\d)'\) TO \('(\d{4}-\d\d-\d\d)'\)")
NUMBER = re.compile(r"_(\d+)\Z")
MONTH = re.compile(r"_(\d{4})_(0[1-9]|1[0-2])\Z")
DAY = re.compile(r"_(\d{4})_(0[1-9]|1[0-2])_(0[1-9]|[12]\d|3[01])\Z")


def make_models(connection: Connection, scope: Scope, owner: str) -> dict[str, str]:
    """Make a model beside every partitioned table, as the owner; names of the models by their tables'.

    They are for the reader alone: whoever calls undoes them.
    """
    parents = partitioned_tables(connection, scope)
    if not parents:
        return {}
    denies = connection.execute(
        "select to_regprocedure('core.deny_direct_access(regclass)') is not null"
    ).fetchone()
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(owner)))
    models: dict[str, str] = {}
    for number, parent in enumerate(parents, start=1):
        model = sql.Identifier(parent.schema, f"(model {number})")
        like = "create table {} (like {} including defaults including constraints including generated)"
        table = sql.Identifier(parent.schema, parent.table)
        connection.execute(sql.SQL(like).format(model, table))
        if denies == (True,):
            connection.execute("select core.deny_direct_access(%s::regclass)", [model.as_string(connection)])
        else:
            security = {"enable": parent.row_security, "force": parent.forced}
            for word in [word for word, wanted in security.items() if wanted]:
                statement = f"alter table {{}} {word} row level security"
                connection.execute(sql.SQL(statement).format(model))
        schema = sql.Identifier(parent.schema).as_string(connection)
        models[parent.name] = f'{schema}."(model {number})"'
    connection.execute("reset role")
    return models


def set_models_aside(reference: Snapshot, models: dict[str, str]) -> None:
    """Take the models out of the items that are compared; each takes its table's statement triggers along."""
    for table, model in models.items():
        schema = reference.items[("table", table)].parent
        name = f"{schema[1]}.{model.partition('.')[2]}" if schema else model
        parts = [reference.items.pop(("table", name))]
        for key in [key for key, item in reference.items.items() if item.on == name]:
            found = reference.items.pop(key)
            if found.kind in ("column", "policy"):
                parts.append(found)
        parts += [
            item
            for item in reference.items.values()
            if item.kind == "trigger"
            and item.on == table
            and "FOR EACH STATEMENT" in item.facts["definition"]
        ]
        reference.models[table] = parts


def with_live_partitions(declared: Snapshot, live: Snapshot) -> Snapshot:
    """What is declared, and with it every live partition of a declared table as its model has it."""
    expected = replace(declared, items=dict(declared.items))
    for item in live.items.values():
        if item.kind == "table" and "partition of" in item.facts and item.key not in declared.items:
            parent = _declared_parent(item, declared, live)
            for part in declared.models.get(parent, ()):
                expected.add(_as_of_partition(part, item, parent, live))
    return expected


def _declared_parent(item: Item, declared: Snapshot, live: Snapshot) -> str:
    parent = item.facts["partition of"]
    above = live.items.get(("table", parent))
    if parent not in declared.models and above is not None and "partition of" in above.facts:
        return _declared_parent(above, declared, live)
    return parent


def _expected_bound(name: str, bound: str) -> str:
    """What a partition's bound has to be: a value, a month or a day; by its name where that says which."""
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
    if day := DAY.search(name):
        first = date(int(day[1]), int(day[2]), int(day[3]))
        return f"FOR VALUES FROM ('{first}') TO ('{first + timedelta(days=1)}')"
    named = MONTH.search(name)
    first = date(int(named[1]), int(named[2]), 1) if named else date.fromisoformat(month[1]).replace(day=1)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return f"FOR VALUES FROM ('{first}') TO ('{after}')"


def _as_of_partition(part: Item, partition: Item, parent: str, live: Snapshot) -> Item:
    """A part of a model with the names of the live partition."""
    if part.kind == "table":
        its_own = {name: partition.facts[name] for name in ITS_OWN if name in partition.facts}
        if partition.facts["partition of"] == parent:
            its_own["bound"] = _expected_bound(partition.identifier, its_own["bound"])
        return replace(partition, facts={**part.facts, **its_own})
    if part.kind == "column":
        name = f"{partition.name}.{part.identifier}"
        found = live.items.get(("column", name))
        identity = {"identity": found.facts["identity"]} if found and "identity" in found.facts else {}
        facts = {**part.facts, **identity}
    else:
        name = f"{part.identifier} on {partition.name}"
        facts = {
            aspect: value.replace(f" ON {parent} ", f" ON {partition.name} ", 1)
            for aspect, value in part.facts.items()
            if aspect != "comment"
        }
    return replace(
        part,
        name=name,
        parent=partition.key,
        facts=facts,
        create=facts.get("definition"),
    )
