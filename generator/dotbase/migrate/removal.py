"""Removing what a repeatable step brought: the objects that it made, what it declared, what it granted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from typing import Any

import psycopg

from dotbase.catalog import grants
from dotbase.catalog.dependencies import Member, closure, data_depending_on
from dotbase.catalog.objects import Address, CatalogObject, Present, present
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement, cron_lines, statements
from dotbase.migrate.plan import table_of

Connection = psycopg.Connection[Any]

# How the key of a declaration ends -> routine that takes it, and an empty declaration.
EMPTY = (
    (r"functions/[^/]+/errors\.yaml", "core.declare_errors(text,jsonb)", "[]"),
    (r"functions/[^/]+/settings\.yaml", "core.declare_settings(text,jsonb)", "[]"),
    (r"functions/[^/]+/lanes\.yaml", "outbox.declare_lanes(text,jsonb)", "[]"),
    (r"cron/[^/]+\.yaml", "jobs.declare(text,jsonb)", "[]"),
    (r"policies/[^/]+\.yaml#rpcs", "core.build_wrappers(text,jsonb)", "{}"),
)


def drop(
    connection: Connection, objects: Iterable[CatalogObject], where: str, ours: Collection[CatalogObject]
) -> None:
    """Drop objects, those of ours that depend on them first; refuse when data or what is not ours would go.

    ours: all that repeatable steps made. There is no cascade: each object is named.
    """
    asked = set(objects)
    if not asked:
        return
    now = present(connection)
    to_drop = sorted(asked & now.objects)
    schemas = {found for found in asked if found.type == "schema"}
    addresses = now.addresses_of(asked - schemas)
    inside = {found.identity for found in schemas}
    if addresses:
        # What is in a schema goes with it.
        lost = [data.name for data in data_depending_on(connection, addresses) if data.schema not in inside]
        if lost:
            raise DotbaseError(
                f"dropping {', '.join(map(str, to_drop))} would drop {', '.join(lost)}",
                "let a versioned file take away what depends on it first",
                where,
            )
    going = closure(connection, now.addresses_of(asked))
    graph: dict[CatalogObject, set[CatalogObject]] = {}
    foreign: set[str] = set()
    for address, member in going.items():
        if _above(going, now, address) is not None:
            continue
        found = now.addresses.get(address, member.object)
        # Tables of a schema that a step made are its own, as nothing else can be in it.
        of_schema = address not in now.addresses and member.schema in inside
        if found not in asked and found not in ours and not of_schema:
            foreign.add(member.description)
        graph.setdefault(found, set())
    if foreign:
        raise foreign_error(to_drop, foreign, where)
    for address, member in going.items():
        above = _whole(going, now, address)
        for other in member.on:
            below = _whole(going, now, other)
            if above != below:
                graph[below].add(above)
    try:
        ordered = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(map(str, error.args[1]))
        raise DotbaseError(
            f"these depend on each other in a circle: {circle}", "change one of them first", where
        ) from None
    for one in ordered:
        connection.execute(one.drop_sql.encode())


def _whole(going: Mapping[Address, Member], now: Present, address: Address) -> CatalogObject:
    """The object that is dropped by name with what is at this address."""
    while (above := _above(going, now, address)) is not None:
        address = above
    return now.addresses.get(address, going[address].object)


def _above(going: Mapping[Address, Member], now: Present, address: Address) -> Address | None:
    """What it goes with: code with what it is a part of, anything else also with its table."""
    member = going[address]
    return member.part_of or (None if address in now.addresses else member.with_it)


def foreign_error(dropped: Iterable[object], foreign: Iterable[str], where: str | None) -> DotbaseError:
    """The refusal to drop what no step made."""
    named = ", ".join(sorted(foreign))
    what = f"dropping {', '.join(map(str, dropped))}" if dropped else "it"
    return DotbaseError(
        f"{what} would drop what no step of this project made: {named}",
        "drop or change that by hand first, or take it into a file of the project",
        where,
    )


@contextmanager
def keeping_foreign(
    connection: Connection, ours: Collection[CatalogObject], texts: Collection[str], where: str
) -> Iterator[None]:
    """Refuse a version whose own `cascade` takes what neither a step made nor any version names.

    texts: of all versions, which may have made what a later one drops.
    """
    before = present(connection).objects
    yield
    gone = before - present(connection).objects - set(ours)
    foreign = [str(found) for found in gone if not any(found.name in text for text in texts)]
    if foreign:
        raise foreign_error((), foreign, where)


def remove_declaration(
    connection: Connection, key: str, app: str, *, keep_settings: bool, undoing: bool = False
) -> None:
    """Declare nothing in place of a removed declaration. Settings may stay: people chose their values.

    undoing: in a rollback, where a routine that was kept may be newer than the tables.
    """
    for pattern, routine, empty in EMPTY:
        if not re.fullmatch(pattern, key) or (keep_settings and "settings" in routine):
            continue
        found = connection.execute("select pg_catalog.to_regprocedure(%s) is not null", [routine]).fetchone()
        if found == (True,):
            name = routine.partition("(")[0]
            statement = f"select {name}(%s, %s::jsonb)"
            try:
                with connection.transaction():
                    confinement.execute(connection, (statement, [app, empty]))
                    if declares_jobs(key):
                        cron_lines.bring_in_step(connection)
            except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable):
                if not undoing:
                    raise
                # The routine that was kept is of a version that is undone; its down-file has the last word.
                continue
            statements.record(connection, statement, [app, empty])
    revoke_routines(connection, key, app)
    table = table_of(key)
    if table is not None:
        for revoke in grants.revokes_of_table(connection, *table.split(".")):
            connection.execute(revoke.encode())


def declares_jobs(key: str) -> bool:
    """Whether a step of this key changes which lines pg_cron has."""
    return re.fullmatch(r"cron/[^/]+\.yaml", key) is not None


def revoke_routines(connection: Connection, key: str, app: str) -> None:
    """Take back what grants on routines an older text gave, before the newer one gives its own."""
    if key == f"policies/{app}.yaml#grants":
        for revoke in grants.revokes_of_routines(connection, app):
            connection.execute(revoke.encode())
