"""Roles: who exists, who is a member of whom, and as whom the session may act."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

# What a template can have done to the roles of a whole cluster: each with the statement that takes it back.
# Roles of initdb are none of ours, but for what is set for them. Databases of this prefix keep their own.
RESETS = """
select case
    when s.setrole = 0 and s.setdatabase = 0 then 'alter role all reset all'
    when s.setrole = 0 then pg_catalog.format('alter database %%I reset all', d.datname)
    when s.setdatabase = 0 then pg_catalog.format('alter role %%I reset all', r.rolname)
    else pg_catalog.format('alter role %%I in database %%I reset all', r.rolname, d.datname)
end
from pg_catalog.pg_db_role_setting as s
left join pg_catalog.pg_roles as r on r.oid = s.setrole
left join pg_catalog.pg_database as d on d.oid = s.setdatabase
where (d.datname is null or not pg_catalog.starts_with(d.datname, %(prefix)s))
    and (
        s.setdatabase <> 0
        or r.rolname is null
        or not (
            select pg_catalog.bool_and(r.rolname || ' ' || c.setting = any (%(kept)s))
            from pg_catalog.unnest(s.setconfig) as c (setting)
        )
    )
"""
PARAMETERS = """
select distinct pg_catalog.format(
    'revoke all on parameter %%I from %%s cascade', p.parname,
    case when x.grantee = 0 then 'public' else pg_catalog.quote_ident(r.rolname) end
)
from pg_catalog.pg_parameter_acl as p
cross join lateral pg_catalog.aclexplode(p.paracl) as x
left join pg_catalog.pg_roles as r on r.oid = x.grantee
where x.grantee <> 10
"""
EVERY_MEMBERSHIP = """
select
    g.rolname::text, m.rolname::text, a.admin_option,
    pg_catalog.format('revoke %%I from %%I', g.rolname, m.rolname)
        || coalesce(pg_catalog.format(' granted by %%I', b.rolname), '') || ' cascade'
from pg_catalog.pg_auth_members as a
inner join pg_catalog.pg_roles as g on g.oid = a.roleid
inner join pg_catalog.pg_roles as m on m.oid = a.member
left join pg_catalog.pg_roles as b on b.oid = a.grantor
where m.oid >= 16384 or g.oid >= 16384
"""
EVERY_ROLE = """
select
    r.rolname::text, pg_catalog.quote_ident(r.rolname),
    pg_catalog.array_remove(array[
        case when r.rolsuper then 'superuser' end,
        case when r.rolinherit then 'inherit' end,
        case when r.rolcreaterole then 'createrole' end,
        case when r.rolcreatedb then 'createdb' end,
        case when r.rolcanlogin then 'login' end,
        case when r.rolreplication then 'replication' end,
        case when r.rolbypassrls then 'bypassrls' end,
        case when r.rolconnlimit <> -1 then 'limit' end,
        case when r.rolvaliduntil < 'infinity' then 'until' end
    ], null)
from pg_catalog.pg_roles as r
where r.oid >= 16384
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


def reset_settings(
    connection: Connection, prefix: str, limits: Collection[tuple[str, str, str]]
) -> list[str]:
    """Statements that take back what is set for roles and databases.

    prefix: of databases that are left out. limits: role, setting and value of what roles may keep.
    """
    kept = [f"{role} {setting}={value}" for role, setting, value in limits]
    return _texts(connection, RESETS, {"prefix": prefix, "kept": kept})


def revoke_parameters(connection: Connection) -> list[str]:
    """Statements that take back what is granted on parameters."""
    return _texts(connection, PARAMETERS, {})


def every_membership(connection: Connection) -> list[tuple[str, str, bool, str]]:
    """Each membership that is not of initdb: role, member, may it be passed on, and what takes it back."""
    return connection.cursor(row_factory=tuple_row).execute(EVERY_MEMBERSHIP.encode(), {}).fetchall()


def every_role(connection: Connection) -> list[tuple[str, str, list[str]]]:
    """Each role that is not of initdb: its name, plain and quoted, and its attributes."""
    return connection.cursor(row_factory=tuple_row).execute(EVERY_ROLE.encode()).fetchall()


def _texts(connection: Connection, query: str, values: Mapping[str, str | list[str]]) -> list[str]:
    cursor = connection.cursor(row_factory=tuple_row)
    return [text for (text,) in cursor.execute(query.encode(), values)]


def settings(
    connection: Connection, roles: Collection[str], names: Collection[str]
) -> dict[tuple[str, str], str]:
    """These settings of these roles, for the whole cluster: values by role and setting."""
    cursor = connection.cursor(row_factory=tuple_row)
    found = cursor.execute(SETTINGS, {"roles": list(roles), "settings": list(names)}).fetchall()
    return {(role, name): value for role, name, value in found}
