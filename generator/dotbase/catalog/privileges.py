"""Privileges: what is granted in schemas beside their owner's own, and whose the objects are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]

RELATIONS = """
    select c.*, n.nspname::text as schema,
        case
            when c.relkind in ('v', 'm') then 'view' when c.relkind = 'S' then 'sequence' else 'table'
        end as kind
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and n.nspname = any (%(schemas)s)
    where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
"""
ROUTINES = """
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace and n.nspname = any (%(schemas)s)
"""
TITLE = """
    case x.kind
        when 'routine' then pg_catalog.format(
            '%%I.%%I(%%s)', x.schema, x.name, pg_catalog.pg_get_function_identity_arguments(x.oid)
        )
        when 'schema' then pg_catalog.quote_ident(x.schema)
        else pg_catalog.format('%%I.%%I', x.schema, x.name)
    end as title
"""
ROLE = "case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee)::text end"
OWNER = "(select o.oid from pg_catalog.pg_roles as o where o.rolname = %(owner)s)"

GRANTED = f"""
with relations as (
{RELATIONS}
),
granted (kind, schema, name, oid, part, grantee, privilege, grantable, owner) as (
    select 'schema', n.nspname::text, n.nspname::text, n.oid, null::name, a.grantee,
        a.privilege_type, a.is_grantable, n.nspowner
    from pg_catalog.pg_namespace as n
    cross join lateral pg_catalog.aclexplode(n.nspacl) as a
    where n.nspname = any (%(schemas)s)
    union all
    select r.kind, r.schema, r.relname::text, r.oid, null, a.grantee,
        a.privilege_type, a.is_grantable, r.relowner
    from relations as r
    cross join lateral pg_catalog.aclexplode(r.relacl) as a
    union all
    select r.kind, r.schema, r.relname::text, r.oid, t.attname, a.grantee,
        a.privilege_type, a.is_grantable, r.relowner
    from relations as r
    inner join pg_catalog.pg_attribute as t on t.attrelid = r.oid and t.attacl is not null
    cross join lateral pg_catalog.aclexplode(t.attacl) as a
    where not t.attisdropped
    union all
    select 'routine', n.nspname::text, p.proname::text, p.oid, null, a.grantee,
        a.privilege_type, a.is_grantable, p.proowner
    {ROUTINES}
    cross join lateral pg_catalog.aclexplode(
        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    ) as a
    -- By their index: the three thousand that come with Postgres are not read.
    where p.oid >= 16384
    union all
    -- Every role may use types, as Postgres has it.
    select 'type', n.nspname::text, y.typname::text, y.oid, null, a.grantee,
        a.privilege_type, a.is_grantable, y.typowner
    from pg_catalog.pg_type as y
    inner join pg_catalog.pg_namespace as n on n.oid = y.typnamespace and n.nspname = any (%(schemas)s)
    cross join lateral pg_catalog.aclexplode(y.typacl) as a
    where a.grantee <> 0
)
select x.kind, x.schema, x.name, {TITLE}, x.part::text as column,
    {ROLE.replace("a.grantee", "x.grantee")} as role,
    pg_catalog.lower(x.privilege) || case when x.grantable then ' with grant option' else '' end as privilege
from granted as x
where x.grantee not in (x.owner, {OWNER})
order by x.schema, x.name, title, role, part, privilege
"""

OWNED_BY_OTHERS = f"""
with relations as (
{RELATIONS}
)
select x.kind, x.schema, x.name, {TITLE}, pg_catalog.pg_get_userbyid(x.owner)::text as owner
from (
    select 'schema', n.nspname::text, n.nspname::text, n.oid, n.nspowner
    from pg_catalog.pg_namespace as n
    where n.nspname = any (%(schemas)s)
    union all
    select r.kind, r.schema, r.relname::text, r.oid, r.relowner
    from relations as r
    union all
    select 'routine', n.nspname::text, p.proname::text, p.oid, p.proowner
    {ROUTINES}
    where p.oid >= 16384
    union all
    select 'type', n.nspname::text, y.typname::text, y.oid, y.typowner
    from pg_catalog.pg_type as y
    inner join pg_catalog.pg_namespace as n on n.oid = y.typnamespace and n.nspname = any (%(schemas)s)
    where y.typtype in ('c', 'd', 'e', 'r')
        and not exists (
            select from pg_catalog.pg_class as c where c.oid = y.typrelid and c.relkind <> 'c'
        )
) as x (kind, schema, name, oid, owner)
where x.owner <> {OWNER}
order by x.schema, x.name, title, owner
"""

DEFAULTS = f"""
select coalesce(n.nspname::text, '') as schema,
    case d.defaclobjtype
        when 'r' then 'the tables' when 'S' then 'the sequences' when 'f' then 'the routines'
        when 'T' then 'the types' else 'the schemas'
    end || coalesce(' of ' || pg_catalog.quote_ident(n.nspname), '') || ' by '
        || pg_catalog.pg_get_userbyid(d.defaclrole) as title,
    {ROLE} as role,
    pg_catalog.lower(a.privilege_type) as privilege
from pg_catalog.pg_default_acl as d
left join pg_catalog.pg_namespace as n on n.oid = d.defaclnamespace and n.nspname = any (%(schemas)s)
cross join lateral pg_catalog.aclexplode(d.defaclacl) as a
where a.grantee <> d.defaclrole
    and (n.oid is not null or (d.defaclnamespace = 0 and d.defaclrole = {OWNER}))
    and not (d.defaclobjtype = 'T' and a.grantee = 0)
order by schema, title, role, privilege
"""


@dataclass(frozen=True)
class Privilege:
    """What a role may do with an object, or with a column of it: one that was granted.

    kind:      schema, table, view, sequence, routine or type.
    title:     the object, quoted where it needs it, a routine with its arguments.
    privilege: in lower case, `with grant option` behind it where the role may hand it on.
    """

    kind: str
    schema: str
    name: str
    title: str
    column: str | None
    role: str
    privilege: str


@dataclass(frozen=True)
class Owned:
    """An object and its owner."""

    kind: str
    schema: str
    name: str
    title: str
    owner: str


@dataclass(frozen=True)
class DefaultPrivilege:
    """What a role will be granted on each object of a kind that is made later; schema '' is every one."""

    schema: str
    title: str
    role: str
    privilege: str


def granted(connection: Connection, schemas: Collection[str], owner: str) -> list[Privilege]:
    """Every privilege in these schemas but those of the owner and of each object's own."""
    cursor = connection.cursor(row_factory=class_row(Privilege))
    return cursor.execute(GRANTED.encode(), {"schemas": list(schemas), "owner": owner}).fetchall()


def owned_by_others(connection: Connection, schemas: Collection[str], owner: str) -> list[Owned]:
    """The objects of these schemas that are not the owner's."""
    cursor = connection.cursor(row_factory=class_row(Owned))
    return cursor.execute(OWNED_BY_OTHERS.encode(), {"schemas": list(schemas), "owner": owner}).fetchall()


def defaults(connection: Connection, schemas: Collection[str], owner: str) -> list[DefaultPrivilege]:
    """Default privileges in these schemas, and the owner's in every one."""
    cursor = connection.cursor(row_factory=class_row(DefaultPrivilege))
    return cursor.execute(DEFAULTS.encode(), {"schemas": list(schemas), "owner": owner}).fetchall()
