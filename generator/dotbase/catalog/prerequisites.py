"""What a database offers to a migration: its server, roles, extensions, schemas, its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

SERVER = """
select
    session_user::text,
    (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = session_user),
    pg_catalog.pg_is_in_recovery(),
    -- Only its readers may see the setting; where there is no pg_cron it is null.
    case
        when pg_catalog.pg_has_role(session_user, 'pg_read_all_settings', 'USAGE')
        then pg_catalog.current_setting('cron.database_name', true)
    end,
    array(select e.extname::text from pg_catalog.pg_extension as e)
"""

OWNER = """
select
    r.rolbypassrls or r.rolsuper,
    pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER'),
    pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE')
from pg_catalog.pg_roles as r
where r.rolname = %s
"""

ROLES = "select r.rolname::text from pg_catalog.pg_roles as r where r.rolname = any (%s)"
SCHEMAS = "select n.nspname::text from pg_catalog.pg_namespace as n where n.nspname = any (%s)"
AVAILABLE = "select from pg_catalog.pg_available_extensions as e where e.name = %s"

HISTORY_OWNER = """
select pg_catalog.pg_get_userbyid(n.nspowner)::text
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'dotbase' and c.relname = 'repeatable_history'
"""


@dataclass(frozen=True)
class Server:
    """The session and the server that it is on.

    cron_database: the one that pg_cron lives in; None when there is none or the role may not know.
    """

    user: str
    superuser: bool
    standby: bool
    cron_database: str | None
    extensions: Sequence[str]


@dataclass(frozen=True)
class Owner:
    """The role that owns what is migrated.

    bypasses:  it reads its own tables under forced row-level security.
    ours:      the session's user is a member of it.
    may_create: schemas in this database.
    """

    bypasses: bool
    ours: bool
    may_create: bool


def read_server(connection: Connection) -> Server:
    """Of the session, and of the server that it is on."""
    row = connection.execute(SERVER).fetchone()
    assert row is not None
    return Server(*row)


def read_owner(connection: Connection, owner: str) -> Owner | None:
    """What the owner is and may do; None when there is no such role."""
    row = connection.execute(OWNER, [owner]).fetchone()
    return Owner(*row) if row else None


def existing_roles(connection: Connection, names: Sequence[str]) -> set[str]:
    """Those of these roles that exist."""
    return {name for (name,) in connection.execute(ROLES, [list(names)])}


def existing_schemas(connection: Connection, names: Sequence[str]) -> set[str]:
    """Those of these schemas that exist."""
    return {name for (name,) in connection.execute(SCHEMAS, [list(names)])}


def is_available(connection: Connection, extension: str) -> bool:
    """Whether the server could create this extension."""
    return connection.execute(AVAILABLE, [extension]).rowcount > 0


def history_owner(connection: Connection) -> str | None:
    """The role that owns the history of migrations; None in a database without one."""
    row = connection.execute(HISTORY_OWNER).fetchone()
    return row[0] if row else None
