"""The server: its databases, the session on it, extensions that it could bring and those of this database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row, tuple_row

from dotbase.errors import DotbaseError

Connection = psycopg.Connection[Any]

DATABASES = """
select d.datname::text
from pg_catalog.pg_database as d
order by d.datname
"""

SESSION = """
select
    session_user::text as user,
    (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = session_user) as is_superuser,
    pg_catalog.pg_is_in_recovery() as on_standby,
    -- Its readers alone may ask for the setting; without pg_cron it is null.
    case
        when pg_catalog.pg_has_role(session_user, 'pg_read_all_settings', 'USAGE')
        then pg_catalog.current_setting('cron.database_name', true)
    end as cron_database
"""

INSTALLED = """
select e.extname::text, n.nspname::text
from pg_catalog.pg_extension as e
inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
"""

AVAILABLE = """
select
from pg_catalog.pg_available_extensions as a
where a.name = %s
"""


@dataclass(frozen=True)
class Session:
    """Who is connected, and to which kind of server.

    cron_database: the database that pg_cron lives in; None without pg_cron, or where the user may not know.
    """

    user: str
    is_superuser: bool
    on_standby: bool
    cron_database: str | None


# The owner may not touch it: a function that a superuser owns, in a superuser's schema.
MASTER_KEY_FUNCTION = """
select p.prosrc
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
inner join pg_catalog.pg_roles as f on f.oid = p.proowner
inner join pg_catalog.pg_roles as s on s.oid = n.nspowner
where n.nspname = 'master_key' and p.proname = 'value' and p.pronargs = 0 and f.rolsuper and s.rolsuper
"""
READS_FILE = re.compile(r"pg_catalog\.pg_read_file\(e?'((?:[^']|'')*)'\)")
PLAIN_PATH = re.compile(r"[\w ./:+@~,=-]+")


def databases(connection: Connection) -> list[str]:
    """The names of all databases."""
    return [name for (name,) in connection.cursor(row_factory=tuple_row).execute(DATABASES)]


def session(connection: Connection) -> Session:
    """The session of this connection."""
    [found] = connection.cursor(row_factory=class_row(Session)).execute(SESSION).fetchall()
    return found


def installed_extensions(connection: Connection) -> dict[str, str]:
    """The schema of each extension that this database has, by the extension's name."""
    return dict(connection.cursor(row_factory=tuple_row).execute(INSTALLED).fetchall())


def is_extension_available(connection: Connection, name: str) -> bool:
    """Whether the server has the files of an extension, so that it can be created."""
    return connection.execute(AVAILABLE, [name]).rowcount > 0


def master_key_file(connection: Connection) -> str | None:
    """The file that the superuser's function reads the master key from; None where there is none."""
    row = connection.execute(MASTER_KEY_FUNCTION).fetchone()
    found = READS_FILE.search(row[0]) if row else None
    if found is None:
        return None
    if not PLAIN_PATH.fullmatch(found[1]):
        raise DotbaseError(
            "master_key.value() reads the master key from a file whose name has quotes, backslashes or signs"
            " that are not printed",
            "say with --master-key-file which file it is",
        )
    return found[1]
