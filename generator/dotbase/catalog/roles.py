"""Roles: who exists, who is a member of whom, and as whom the session may act."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row, tuple_row

Connection = psycopg.Connection[Any]

NAMES = """
select r.rolname::text
from pg_catalog.pg_roles as r
"""

OWNER_OR_SELF = """
select r.rolname::text
from pg_catalog.pg_roles as r
where r.rolname in (%(owner)s, current_user)
order by r.rolname = %(owner)s desc
limit 1
"""

OWNER = """
select
    r.rolbypassrls or r.rolsuper as bypasses_row_security,
    pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER') as has_user_as_member,
    pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE') as may_create_schemas
from pg_catalog.pg_roles as r
where r.rolname = %s
"""

MEMBERS = """
select r.rolname::text
from pg_catalog.pg_auth_members as m
inner join pg_catalog.pg_roles as r on r.oid = m.member
inner join pg_catalog.pg_roles as o on o.oid = m.roleid
where o.rolname = %(role)s and r.rolname = any (%(among)s)
order by r.rolname
"""

# A setting of a role for every database of the cluster, which is what PostgREST reads.
SETTINGS = """
select r.rolname::text, pg_catalog.split_part(c.setting, '=', 1), pg_catalog.split_part(c.setting, '=', 2)
from pg_catalog.pg_roles as r
cross join lateral pg_catalog.unnest(r.rolconfig) as c (setting)
where r.rolname = any (%(roles)s) and pg_catalog.split_part(c.setting, '=', 1) = any (%(settings)s)
"""


@dataclass(frozen=True)
class Owner:
    """What a role can do that is to own an app's objects.

    has_user_as_member: the session's user may become it.
    """

    bypasses_row_security: bool
    has_user_as_member: bool
    may_create_schemas: bool


def names(connection: Connection) -> frozenset[str]:
    """All roles of the server."""
    return frozenset(name for (name,) in connection.cursor(row_factory=tuple_row).execute(NAMES))


def owner_or_self(connection: Connection, owner: str) -> str:
    """The owner, where there is a role of this name, else the session's own role."""
    cursor = connection.cursor(row_factory=tuple_row).execute(OWNER_OR_SELF, {"owner": owner})
    [(name,)] = cursor.fetchall()
    return str(name)


def owner(connection: Connection, name: str) -> Owner | None:
    """A role as an owner; None when there is none of this name."""
    return connection.cursor(row_factory=class_row(Owner)).execute(OWNER, [name]).fetchone()


def members(connection: Connection, role: str, among: Collection[str]) -> list[str]:
    """Those of the given roles that are direct members of a role."""
    cursor = connection.cursor(row_factory=tuple_row)
    return [name for (name,) in cursor.execute(MEMBERS, {"role": role, "among": list(among)})]


def settings(
    connection: Connection, roles: Collection[str], names: Collection[str]
) -> dict[tuple[str, str], str]:
    """These settings of these roles, for the whole cluster: values by role and setting."""
    cursor = connection.cursor(row_factory=tuple_row)
    found = cursor.execute(SETTINGS, {"roles": list(roles), "settings": list(names)}).fetchall()
    return {(role, name): value for role, name, value in found}
