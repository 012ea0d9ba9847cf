"""pg_cron: its members as it came, and its lines beside those that cron/<app>.yaml comes to.

It is declared in the one database that it lives in, which no scratch database is. A line that a person has
switched off is not declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog.facts.items import MEMBER, NEWEST, SUPERUSER, Item, Snapshot
from dotbase.catalog.facts.pg_cron import Line, granted_by_extension, is_installed, visible_lines
from dotbase.catalog.facts.queries import Scope
from dotbase.connection import read_plain_table

Connection = psycopg.Connection[Any]
DeclaredLines = dict[str, tuple[str, str]]  # schedule and command by the name of the line

OWN_LINES = "(username = CURRENT_USER)"
SYNC = "select jobs.sync_pg_cron()"
DECLARED_LINES = "select line_name, gmt_schedule, command from jobs.declared_lines()"
REGISTRY = {"job_name": "text", "gmt_schedule": "text", "switched_off": "bool"}
SWITCH = {"live": "bool"}
HAS_JOBS = "select pg_catalog.to_regprocedure('jobs.declared_lines()') is not null"
LIVES_HERE = """
select pg_catalog.current_setting('cron.database_name', true) = pg_catalog.current_database()
where pg_catalog.pg_has_role(session_user, 'pg_read_all_settings', 'usage')
"""


def declare_extension(
    connection: Connection, scope: Scope, role: str, declared: Snapshot, live: Snapshot
) -> None:
    """Declare the extension where it has to be, with its members as they came.

    These are held to what `create extension` granted and to what every version of it has: routines in C from
    its own file, and tables that show everybody his own lines.
    """
    here = connection.execute(LIVES_HERE).fetchone()
    found = live.items.get(("extension", "pg_cron"))
    if found is None and here != (True,):
        return
    item = Item("extension", "pg_cron", "pg_cron", "", None, {}, "create extension pg_cron")
    if found is None:
        declared.add(item)
        return
    declared.add(replace(found, facts={**found.facts, "version": NEWEST, "owner": SUPERUSER}))
    granted = granted_by_extension(connection, scope)
    for key, one in list(live.items.items()):
        if one.schema != "cron" or one.facts.get(MEMBER) != "pg_cron":
            continue
        declared.add(replace(one, facts=_as_installed(one, granted.get(key, {}), role), create=None))
        for other in [other for other in live.items.values() if other.parent == key]:
            # The policy is the one thing on its tables that has to be there; what else lies on them is told.
            if other.kind in ("column", "constraint", "index", "trigger") and other.absent is None:
                facts = {name: told for name, told in other.facts.items() if not name.startswith("grant ")}
                declared.add(replace(other, facts=facts))
            elif other.kind == "policy" and other.facts.get("using") == OWN_LINES:
                declared.add(replace(other, facts={"command": "all", "roles": "public", "using": OWN_LINES}))


def _as_installed(item: Item, granted: dict[str, str], role: str) -> dict[str, str]:
    """The facts of a member of pg_cron as it came."""
    facts = {name: value for name, value in item.facts.items() if not name.startswith("grant to ")} | granted
    if "owner" in facts:
        facts["owner"] = SUPERUSER
    if item.kind == "schema":
        facts[f"grant to {role}"] = "usage"
    elif item.kind == "table":
        facts["row-level security"] = "enabled"
    elif item.kind == "function":
        facts |= {"language": "c", "file": "$libdir/pg_cron"}
    facts.pop("setting role", None)
    return facts


def declared_lines(reference: Connection) -> DeclaredLines:
    """Every line that is declared; needs a transaction that is undone."""
    if reference.execute(HAS_JOBS).fetchone() != (True,):
        return {}
    reference.execute("update jobs.switch set live = true")
    rows = reference.execute(DECLARED_LINES).fetchall()
    return {name: (schedule, command) for name, schedule, command in rows}


def lines(
    connection: Connection, wanted: DeclaredLines, owner: str, cron_role: str, *, whole_database: bool
) -> tuple[list[Item], list[Item], str | None]:
    """Declared and live lines, in a transaction; a note when the live ones cannot be seen."""
    if not is_installed(connection):
        return [], [], None
    try:
        with connection.transaction():
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(owner)))
            registry = read_plain_table(connection, "jobs", "jobs", REGISTRY)
            live = read_plain_table(connection, "jobs", "switch", SWITCH) == [(True,)]
            connection.execute("set local role none")
        with connection.transaction():
            found = visible_lines(connection, cron_role)
    except psycopg.errors.InsufficientPrivilege as error:
        return [], [], f"pg_cron's lines are not compared: {error.diag.message_primary}."
    except psycopg.errors.UndefinedTable:
        return [], [], None
    switched_off = {name for name, _, off in registry if off} if live else set(wanted)
    registered = {name: schedule for name, schedule, _ in registry}
    expected = [
        replace(
            _item(name, "", {"schedule": schedule, "command": command, "user": cron_role}),
            create=SYNC if registered.get(name, schedule) == schedule else None,
        )
        for name, (schedule, command) in wanted.items()
        if name not in switched_off
    ]
    ours = {item.name for item in expected} | switched_off
    visible = [
        _live_item(line)
        for line in found
        if (whole_database and not line.database)
        or line.name in ours
        or line.command.startswith("call jobs.")
    ]
    return expected, list(_told_by_user(visible, cron_role)), None


def _live_item(line: Line) -> Item:
    name = line.name or f"no. {line.jobid}"
    facts = {"schedule": line.schedule, "command": line.command, "user": line.user}
    if not line.active:
        facts["active"] = "no"
    if line.server:
        facts["server"] = line.server
    return _item(f"{name} in database {line.database}" if line.database else name, str(line.jobid), facts)


def _item(name: str, identifier: str, facts: dict[str, str]) -> Item:
    return Item("pg_cron line", name, identifier, "", None, facts)


def _told_by_user(found: list[Item], cron_role: str) -> Iterator[Item]:
    """pg_cron's names are each user's own: a line of somebody else is told with his name."""
    for item in found:
        if item.facts["user"] == cron_role:
            yield item
        else:
            yield _item(f"{item.name} of {item.facts['user']}", item.identifier, dict(item.facts))
