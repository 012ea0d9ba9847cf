"""Schemas: which of them exist, which people made, and whose they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row, tuple_row

Connection = psycopg.Connection[Any]

EXISTING = """
select n.nspname::text
from pg_catalog.pg_namespace as n
where n.nspname = any (%s)
order by n.nspname
"""

MADE_BY_PEOPLE = """
select n.nspname::text
from pg_catalog.pg_namespace as n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (
        select
        from pg_catalog.pg_depend as d
        where d.objid = n.oid
            and d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            and d.deptype = 'e'
    )
    and (
        n.nspname = 'public'
        or %(member)s::name is null
        or pg_catalog.pg_has_role(%(member)s, n.nspowner, 'MEMBER')
    )
order by 1
"""

OWNERSHIP = """
select
    n.nspowner::pg_catalog.regrole::text as owner,
    pg_catalog.pg_has_role(n.nspowner, 'MEMBER') as is_member,
    pg_catalog.pg_has_role(n.nspowner, 'USAGE') as inherits
from pg_catalog.pg_namespace as n
inner join pg_catalog.pg_class as c on c.relnamespace = n.oid
where n.nspname = %(schema)s and c.relname = %(relation)s
"""


@dataclass(frozen=True)
class Ownership:
    """A schema's owner, quoted where its name needs it, and how the session's role stands to it.

    is_member: it may become the owner.
    inherits:  it has the owner's rights without becoming it.
    """

    owner: str
    is_member: bool
    inherits: bool


def existing(connection: Connection, names: Collection[str]) -> list[str]:
    """Those of the given schemas that exist."""
    cursor = connection.cursor(row_factory=tuple_row)
    return [name for (name,) in cursor.execute(EXISTING, [list(names)])]


def made_by_people(connection: Connection, member: str | None = None) -> list[str]:
    """Every schema but Postgres's own and those of extensions.

    member: beside `public` only those whose owner this role is, or is a member of.
    """
    cursor = connection.cursor(row_factory=tuple_row)
    return [name for (name,) in cursor.execute(MADE_BY_PEOPLE, {"member": member})]


def ownership(connection: Connection, schema: str, relation: str) -> Ownership | None:
    """Whose a schema is that has this relation; None when one of the two does not exist."""
    cursor = connection.cursor(row_factory=class_row(Ownership))
    return cursor.execute(OWNERSHIP, {"schema": schema, "relation": relation}).fetchone()
