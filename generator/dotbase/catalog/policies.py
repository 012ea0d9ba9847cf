"""Row-level security: which tables lack it, and the policies of those that have it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]

# A partition is reached through its parent alone; one that has a policy of its own was closed, and stays so.
UNSECURED = """
select n.nspname::text as schema, c.relname::text as name,
    pg_catalog.format('%%I.%%I', n.nspname, c.relname) as title,
    case when c.relrowsecurity then 'forced' else 'enabled' end as lacks
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s)
    and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
    and (
        not c.relispartition
        or exists (select from pg_catalog.pg_policy as p where p.polrelid = c.oid)
    )
order by schema, name
"""

POLICIES = """
select n.nspname::text as schema, c.relname::text as table,
    pg_catalog.format('%%I.%%I', n.nspname, c.relname) as title,
    p.polname::text as name,
    p.polpermissive as permissive,
    p.polcmd::text as command,
    array(
        select case o when 0 then 'public' else pg_catalog.pg_get_userbyid(o)::text end
        from pg_catalog.unnest(p.polroles) as o
    ) as roles,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_class as c on c.oid = p.polrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s)
    -- What closes a partition can only narrow.
    and not (c.relispartition and p.polname = 'nobody' and not p.polpermissive)
order by n.nspname::text, c.relname::text, title, p.polname::text
"""


@dataclass(frozen=True)
class Unsecured:
    """A table without row-level security, or whose owner it does not bind."""

    schema: str
    name: str
    title: str
    lacks: Literal["enabled", "forced"]


@dataclass(frozen=True)
class Policy:
    """A policy as pg_policy has it: the command is a letter, or `*` for all of them."""

    schema: str
    table: str
    title: str
    name: str
    permissive: bool
    command: str
    roles: Sequence[str]
    using: str | None
    check: str | None


def unsecured(connection: Connection, schemas: Collection[str]) -> list[Unsecured]:
    """The tables of these schemas whose row-level security is not enabled and forced."""
    cursor = connection.cursor(row_factory=class_row(Unsecured))
    return cursor.execute(UNSECURED, {"schemas": list(schemas)}).fetchall()


def policies(connection: Connection, schemas: Collection[str]) -> list[Policy]:
    """The policies of these schemas' tables."""
    cursor = connection.cursor(row_factory=class_row(Policy))
    return cursor.execute(POLICIES, {"schemas": list(schemas)}).fetchall()
