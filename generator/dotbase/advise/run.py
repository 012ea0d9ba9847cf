"""The runner: every rule over one snapshot of the catalog, in a transaction that can only read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from dotbase.advise.declared import Exceptions, House
from dotbase.advise.rule import Finding, Rule, rules
from dotbase.catalog.advice import views
from dotbase.catalog.roles import owner_or_self
from dotbase.catalog.schemas import made_by_people
from dotbase.catalog.server import installed_extensions
from dotbase.connection import close_path
from dotbase.errors import DotbaseError
from dotbase.render.templates import Variables

Connection = psycopg.Connection[Any]
VARIABLE = re.compile(r""":'(\w+)'|:"(\w+)\"""")
TIME_LIMIT = "60s"
# Planning a body folds calls of immutable functions by running them, as whoever asks, superuser or not.
NOT_LIVE = "it plans bodies, which runs functions of whoever made them; `dotbase advise --scratch` asks it"


@dataclass
class Advice:
    """What the rules say of one database.

    suppressed: findings that are left, with the reason.
    skipped:    rules that could not be run, with what they lack.
    stale:      keys of suppressions that matched nothing.
    """

    rules: int
    findings: list[Finding] = field(default_factory=list)
    suppressed: list[tuple[Finding, str]] = field(default_factory=list)
    skipped: list[tuple[Rule, str]] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def advise(connection: Connection, house: House, variables: Variables, *, ours: bool = False) -> Advice:
    """Run all rules on the connection's database; nothing in it is changed, and nothing of it is run.

    ours: nobody but us has made anything in it, so that rules may also have its routines planned.
    """
    with reading(connection):
        schemas = looked_at(connection, variables)
        found, skipped = check(connection, house.declared, schemas, ours=ours)
    advice = Advice(len(rules()), skipped=skipped)
    suppress = {k: s for k, s in house.declared.suppress.items() if s.holds(variables)}
    times = Counter((finding.key, finding.detail) for finding in found)
    for finding in found:
        # A reason was given for one thing: when the same is found of a second of its name, both are told.
        if finding.key in suppress and times[finding.key, finding.detail] == 1:
            advice.suppressed.append((finding, suppress[finding.key].reason))
        else:
            advice.findings.append(finding)
    told = {finding.key for finding in found}
    left_out = {rule.number for rule, _ in skipped}
    for key in suppress:
        number, _, thing = key.partition(" ")
        # Of an app that is not in this database, nothing can be said.
        if key not in told and number not in left_out and thing.split(".")[0] in schemas:
            advice.stale.append(key)
    return advice


@contextmanager
def reading(connection: Connection) -> Iterator[None]:
    """One snapshot, read only, of whatever the connection's settings were."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        prepare(connection)
        yield


def prepare(connection: Connection) -> None:
    """What the rules rely on, until the transaction ends: no name is found by a path."""
    close_path(connection)
    connection.execute("set local standard_conforming_strings = on")
    connection.execute("set local jit = off")
    connection.execute(f"set local statement_timeout = '{TIME_LIMIT}'".encode())


def looked_at(connection: Connection, variables: Variables) -> list[str]:
    """The schemas that rules look at."""
    # On Supabase what belongs to the platform's own roles is not ours to fix.
    member = owner_or_self(connection, variables.owner) if variables.target == "supabase" else None
    return made_by_people(connection, member)


def check(
    connection: Connection,
    declared: Exceptions,
    schemas: list[str],
    chosen: Sequence[Rule] | None = None,
    *,
    ours: bool = False,
) -> tuple[list[Finding], list[tuple[Rule, str]]]:
    """The findings of these rules, or of all, in these schemas, and the rules that could not be run."""
    values = _values(connection, declared, schemas)
    cursor = connection.cursor(row_factory=tuple_row)
    prelude = views()
    found: list[Finding] = []
    skipped: list[tuple[Rule, str]] = []
    for rule in chosen if chosen is not None else rules():
        if rule.only_ours and not ours:
            skipped.append((rule, NOT_LIVE))
            continue
        if rule.needs is not None and rule.needs not in values:
            skipped.append((rule, f"extension {rule.needs} is not installed in this database"))
            continue
        text = (
            f"with {prelude}\nselect r.schema, r.name, r.part, r.detail\nfrom (\n{rule.sql}\n) as r\n"
            "order by 1, 2, 3, 4"
        )
        query = VARIABLE.sub(lambda m: values[m[1] or m[2]], text)
        try:
            # What an extension says no to is no reason not to say the rest.
            with connection.transaction() if rule.needs else nullcontext():
                rows = cursor.execute(query.encode()).fetchall()
        except psycopg.errors.QueryCanceled:
            raise DotbaseError(
                f"rule {rule.number} took longer than {TIME_LIMIT}", "look at the server's load"
            ) from None
        except psycopg.Error as error:
            if rule.needs is None:
                raise
            skipped.append((rule, f"{rule.needs} says: {error.diag.message_primary}"))
            continue
        found += [Finding(rule, *row) for row in rows]
    return found, skipped


def _values(connection: Connection, declared: Exceptions, schemas: list[str]) -> dict[str, str]:
    """What stands for `:'name'` and `:"name"` in rules, as SQL."""
    literals = {
        "schemas": schemas,
        "exposed": declared.exposed,
        "registries": list(declared.registries),
        "partitions": json.dumps(declared.partitions),
    }
    values = {name: sql.Literal(value).as_string(connection) for name, value in literals.items()}
    extensions = installed_extensions(connection)
    return values | {
        name: sql.Identifier(schema).as_string(connection) for name, schema in extensions.items()
    }
