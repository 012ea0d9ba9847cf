"""Sessions of the server: who holds a lock, whose transaction is the oldest, which path is the usual one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import pq

Connection = psycopg.Connection[Any]

HOLDER = """
select l.pid, a.usename, a.application_name, a.backend_start
from pg_catalog.pg_locks as l
left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.classid = %s and l.objid = %s and l.objsubid = 2
    and l.database = (
        select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()
    )
"""

OLDEST = """
select pid, usename, extract(epoch from clock_timestamp() - xact_start)::integer
from pg_catalog.pg_stat_activity
where datname = current_database() and xact_start is not null and pid <> pg_catalog.pg_backend_pid()
order by xact_start
limit 1
"""

SET_PATH = """
select pg_catalog.set_config('search_path', coalesce(%s, s.reset_val), true)
from pg_catalog.pg_settings as s
where s.name = 'search_path'
"""

OF_A_SUPERUSER = """
select r.rolsuper from pg_catalog.pg_roles as r where r.rolname operator(pg_catalog.=) session_user
"""

# What is run at the commit, behind everything, as whoever the session is.
LATE = """
select pg_catalog.format('trigger %I of %s', t.tgname, t.tgrelid::pg_catalog.regclass)
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_proc as p on p.oid = t.tgfoid
inner join pg_catalog.pg_roles as r on r.oid = p.proowner
where t.tgdeferrable and not r.rolsuper
union all
select pg_catalog.format('constraint %s', i.indexrelid::pg_catalog.regclass)
from pg_catalog.pg_index as i
where not i.indimmediate and (i.indexprs is not null or i.indpred is not null)
limit 1
"""

# Of a temporary table of our own.
COLUMNS = """
select a.attname::text, a.atttypid
from pg_catalog.pg_attribute as a
where a.attrelid = pg_catalog.to_regclass('pg_temp.' || pg_catalog.quote_ident(%s)) and a.attnum > 0
order by a.attnum
"""


_superusers: WeakKeyDictionary[Connection, dict[str | None, bool]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Holder:
    """The session that holds a lock; what is not known of it may not be seen by us."""

    pid: int
    user: str | None
    application: str | None
    since: datetime | None


@dataclass(frozen=True)
class OpenTransaction:
    """A session with an open transaction, and how old that is."""

    pid: int
    user: str
    seconds: int


def holder(connection: Connection, key: tuple[int, int]) -> Holder | None:
    """Who holds this advisory lock of two numbers in our database."""
    row = connection.execute(HOLDER, key).fetchone()
    return Holder(*row) if row else None


def oldest_transaction(connection: Connection) -> OpenTransaction | None:
    """The oldest transaction of another session of our database."""
    row = connection.execute(OLDEST).fetchone()
    return OpenTransaction(*row) if row else None


def set_path(connection: Connection, path: str | None) -> None:
    """Find names by this path until the transaction ends; by the session's usual one without it."""
    connection.execute(SET_PATH, [path])


def is_of_a_superuser(connection: Connection) -> bool:
    """Whether the session is a superuser's, whoever it acts as; asked once of each user that it has."""
    user = connection.info.parameter_status("session_authorization")
    known = _superusers.setdefault(connection, {})
    if user not in known:
        known[user] = connection.execute(OF_A_SUPERUSER).fetchone() == (True,)
    return known[user]


def code_run_at_commit(connection: Connection) -> str | None:
    """A trigger or constraint that may wait for the commit and runs code which no superuser owns."""
    row = connection.execute(LATE).fetchone()
    return row[0] if row else None


def temporary_columns(connection: Connection, table: str) -> list[tuple[str, int]]:
    """Names and types of the columns of a temporary table of ours."""
    return connection.execute(COLUMNS, [table]).fetchall()


@dataclass(frozen=True)
class SessionState:
    """What a file could leave behind: settings, and the roles that the session has and acts as."""

    settings: dict[str, str]
    user: str
    role: str


STATE = """
select session_user::text, pg_catalog.current_setting('role'), pg_catalog.json_object_agg(s.name, s.setting)
from pg_catalog.pg_settings as s
where s.context in ('user', 'superuser') and s.name not in ('role', 'session_authorization')
    and s.name not in ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')
"""
RESTORE = "select pg_catalog.set_config(%s, %s, false)"


def state(connection: Connection) -> SessionState:
    """The session as it is now."""
    row = connection.execute(STATE.encode(), {}).fetchone()
    assert row is not None
    user, role, settings = row
    return SessionState(settings, user, role)


def restore(connection: Connection, before: SessionState) -> dict[str, str]:
    """Make the session what it was; returns the settings that were others, and which."""
    changed: dict[str, str] = {}
    encoding = connection.info.parameter_status("client_encoding") or ""
    # A pooler tells it as it was asked for: utf8.
    if encoding.upper().replace("-", "") != before.settings["client_encoding"].upper():
        # First of all: what is read in another one may be no text.
        changed["client_encoding"] = encoding
        connection.execute(f"set client_encoding = '{before.settings['client_encoding']}'".encode())
    now = state(connection)
    inside = connection.info.transaction_status != pq.TransactionStatus.IDLE
    if now.user != before.user:
        connection.execute("reset session authorization")
    if (now.user, now.role) != (before.user, before.role):
        if inside:
            connection.execute("select pg_catalog.set_config('role', 'none', false)")
        connection.execute("select pg_catalog.set_config('role', %s, %s)", [before.role, inside])
    for name, value in now.settings.items():
        if before.settings.get(name, value) != value:
            changed[name] = value
            connection.execute(RESTORE.encode(), [name, before.settings[name]])
    return changed
