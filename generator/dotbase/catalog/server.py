"""Databases of the server, and extensions: those that it could bring, and those of this database."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import tuple_row

Connection = psycopg.Connection[Any]

DATABASES = """
select d.datname::text
from pg_catalog.pg_database as d
order by d.datname
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


def databases(connection: Connection) -> list[str]:
    """The names of all databases."""
    return [name for (name,) in connection.cursor(row_factory=tuple_row).execute(DATABASES)]


def installed_extensions(connection: Connection) -> dict[str, str]:
    """The schema of each extension that this database has, by the extension's name."""
    return dict(connection.cursor(row_factory=tuple_row).execute(INSTALLED).fetchall())


def is_extension_available(connection: Connection, name: str) -> bool:
    """Whether the server has the files of an extension, so that it can be created."""
    return connection.execute(AVAILABLE, [name]).rowcount > 0
