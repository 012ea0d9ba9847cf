"""pg_cron's lines beside those that cron/<app>.yaml comes to, less what a person has switched off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from dotbase.connection import read_plain_table
from dotbase.drift.items import Item

Connection = psycopg.Connection[Any]

SYNC = "select jobs.sync_pg_cron()"
WANTED = "select line_name, gmt_schedule, command from jobs.declared_lines()"
REGISTRY = {"job_name": "text", "gmt_schedule": "text", "switched_off": "bool"}
SWITCH = {"live": "bool"}
LINES = """
select
    jobid, jobname, schedule, command, username, active,
    nullif(database, pg_catalog.current_database()),
    case when nodeport <> pg_catalog.current_setting('port')::integer
        or (nodename not in ('', 'localhost', '127.0.0.1', '::1') and nodename !~ '^/')
    then nodename || ':' || nodeport::text end
from cron.job
order by jobid
"""
# Where there is no pg_cron, the owner may have made a schema of that name.
HERE = """
select
from pg_catalog.pg_depend as d
inner join pg_catalog.pg_extension as e on e.oid = d.refobjid and e.extname = 'pg_cron'
where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = pg_catalog.to_regclass('cron.job')
    and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e'
"""
HAS_JOBS = "select pg_catalog.to_regprocedure('jobs.declared_lines()') is not null"


def declared(reference: Connection) -> dict[str, tuple[str, str]]:
    """Schedule and command of every line that is declared; needs a transaction that is undone."""
    if reference.execute(HAS_JOBS).fetchone() != (True,):
        return {}
    reference.execute("update jobs.switch set live = true")
    return {name: (schedule, command) for name, schedule, command in reference.execute(WANTED).fetchall()}


def items(
    connection: Connection, wanted: dict[str, tuple[str, str]], owner: str, cron_role: str, *, whole: bool
) -> tuple[list[Item], list[Item], str | None]:
    """Declared and live lines, in a transaction; a note when the live ones cannot be seen."""
    if not connection.execute(HERE).rowcount:
        return [], [], None
    try:
        with connection.transaction():
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(owner)))
            registry = read_plain_table(connection, "jobs", "jobs", REGISTRY)
            live = read_plain_table(connection, "jobs", "switch", SWITCH) == [(True,)]
            connection.execute("set local role none")
        with connection.transaction():
            superuser = connection.execute(
                "select pg_catalog.current_setting('is_superuser')"
            ).fetchone() == ("on",)
            lines = _as(connection, None if superuser else cron_role, LINES)
    except psycopg.errors.InsufficientPrivilege as error:
        return [], [], f"pg_cron's lines are not compared: {error.diag.message_primary}."
    except psycopg.errors.UndefinedTable:
        return [], [], None
    gone = {name for name, _, off in registry if off} if live else set(wanted)
    registered = {name: schedule for name, schedule, _ in registry}
    expected = [
        replace(
            _item(name, "", {"schedule": schedule, "command": command, "user": cron_role}),
            create=SYNC if registered.get(name, schedule) == schedule else None,
        )
        for name, (schedule, command) in wanted.items()
        if name not in gone
    ]
    names = {item.name for item in expected} | gone
    found = [
        _item(
            f"{name or f'no. {jobid}'}{f' in database {elsewhere}' if elsewhere else ''}",
            str(jobid),
            {"schedule": schedule, "command": command, "user": user}
            | ({} if active else {"active": "no"})
            | ({"server": node} if node else {}),
        )
        for jobid, name, schedule, command, user, active, elsewhere, node in lines
        if (whole and not elsewhere) or name in names or command.startswith("call jobs.")
    ]
    return expected, list(_distinct(found, cron_role)), None


def _as(connection: Connection, role: str | None, query: str) -> list[tuple[Any, ...]]:
    """What a query gives to this role; the role is put back."""
    if role is not None:
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    rows = connection.execute(query.encode()).fetchall()
    connection.execute("set local role none")
    return rows


def _item(name: str, own: str, facts: dict[str, str]) -> Item:
    return Item("pg_cron line", name, own, "", None, facts)


def _distinct(found: list[Item], cron_role: str) -> Iterator[Item]:
    """pg_cron's names are each user's own: a line of somebody else is told with his name."""
    for item in found:
        if item.facts["user"] == cron_role:
            yield item
        else:
            yield _item(f"{item.name} of {item.facts['user']}", item.own, dict(item.facts))
