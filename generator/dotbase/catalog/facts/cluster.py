"""What belongs to the cluster: roles, memberships, settings of roles, grants on what no database has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from dotbase.catalog.facts.items import SUPERUSER, Item

Connection = psycopg.Connection[Any]

ALL_ROLES = "all"  # as `alter role all` calls it
# Whom a person or a program comes as, on every server.
CLIENTS = ("anon", "authenticated", "service_role", "authenticator")

# A password is nobody's to see but a superuser's.
ROLES = """
select
    r.rolname, pg_catalog.quote_ident(r.rolname),
    pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
        'superuser', case when r.rolsuper then 'yes' end,
        'inherit', case when r.rolinherit then 'yes' end,
        'createrole', case when r.rolcreaterole then 'yes' end,
        'createdb', case when r.rolcreatedb then 'yes' end,
        'login', case when r.rolcanlogin then 'yes' end,
        'replication', case when r.rolreplication then 'yes' end,
        'bypassrls', case when r.rolbypassrls then 'yes' end,
        'connection limit', nullif(r.rolconnlimit, -1)::text,
        'valid until', nullif(r.rolvaliduntil, 'infinity')::text,
        'comment', pg_catalog.shobj_description(r.oid, 'pg_authid')
    )) || coalesce((
        select pg_catalog.jsonb_object_agg(
            case
                when d.oid is null then 'setting '
                else 'setting in database ' || quote_ident(d.datname) || ' '
            end || pg_catalog.split_part(s.setting, '=', 1),
            pg_catalog.substr(s.setting, pg_catalog.strpos(s.setting, '=') + 1)
        )
        from pg_catalog.pg_db_role_setting as x
        cross join lateral pg_catalog.unnest(x.setconfig) as s (setting)
        left join pg_catalog.pg_database as d on d.oid = x.setdatabase
        where x.setrole = r.oid and (x.setdatabase = 0 or d.datname = pg_catalog.current_database())
    ), '{}')
from pg_catalog.pg_roles as r
where r.rolname = any (%s)
"""
PASSWORDS = "select rolname from pg_catalog.pg_authid where rolname = any (%s) and rolpassword is not null"
MAY_SEE_PASSWORDS = "select pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'select')"

# From 16 on, a membership says whether its rights come without `set role`, and whether that is allowed.
# Who may migrate is a member of the owner: that is for each server to say, unless a role of ours is meant.
MEMBERSHIPS = """
select
    quote_ident(g.rolname),
    case when m.rolsuper then %(superuser)s else quote_ident(m.rolname) end,
    pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
        'admin', case when a.admin_option then 'yes' end,
        'inherit', case f.options ->> 'inherit_option'
            when case
                when m.rolname = any (%(ours)s) then m.rolname = any (%(inheriting)s) else m.rolinherit
            end::text then null
            when 'true' then 'yes'
            when 'false' then 'no'
        end,
        'set', case when f.options ->> 'set_option' = 'false' then 'no' end
    ))
from pg_catalog.pg_auth_members as a
cross join lateral (select pg_catalog.to_jsonb(a) as options) as f
inner join pg_catalog.pg_roles as g on g.oid = a.roleid
inner join pg_catalog.pg_roles as m on m.oid = a.member
where m.rolname = any (%(ours)s) or (g.rolname = any (%(ours)s) and g.rolname <> %(owner)s)
"""
# On Supabase, what schema/core/bootstrap.sql.j2 would not set.
KEPT_LIMITS = """
select distinct l.role, l.setting
from pg_catalog.jsonb_to_recordset(%s) as l (role text, setting text, value text)
cross join pg_catalog.pg_roles as r
cross join lateral pg_catalog.unnest(r.rolconfig) as c (setting)
cross join lateral pg_catalog.split_part(c.setting, '=', 2) as own (value)
where case
    when pg_catalog.split_part(c.setting, '=', 1) <> l.setting then false
    when r.rolname = l.role then true
    when r.rolname = 'authenticator' then
        (own.value || case when own.value ~ '^[0-9]+$' then 'ms' else '' end)::interval
        between interval '1 ms' and l.value::interval
    else false
end
"""
SETTINGS_OF_ALL = """
select
    'setting ' || pg_catalog.split_part(s.setting, '=', 1),
    pg_catalog.substr(s.setting, pg_catalog.strpos(s.setting, '=') + 1)
from pg_catalog.pg_db_role_setting as x
cross join lateral pg_catalog.unnest(x.setconfig) as s (setting)
where x.setrole = 0 and x.setdatabase = 0
"""

# What is granted on things that no database has for itself, and on large objects, which no schema has.
GRANTS = """
select
    s.kind, s.name, coalesce(quote_ident(r.rolname), 'public'),
    pg_catalog.string_agg(distinct pg_catalog.concat(
        pg_catalog.lower(x.privilege_type), case when x.is_grantable then '*' end
    ), ', ')
from (
    select 'parameter', p.parname, p.paracl
    from pg_catalog.pg_parameter_acl as p
    union all
    select 'large object', l.oid::text, l.lomacl
    from pg_catalog.pg_largeobject_metadata as l
    where l.lomacl is not null
    union all
    select 'tablespace', quote_ident(t.spcname), t.spcacl
    from pg_catalog.pg_tablespace as t
    where t.spcacl is not null
) as s (kind, name, acl)
cross join lateral pg_catalog.aclexplode(s.acl) as x
left join pg_catalog.pg_roles as r on r.oid = x.grantee
where x.grantee = 0 or r.rolname = any (%s)
group by 1, 2, 3
"""

# What row-level security does not hold.
PRIVILEGED = """
select pg_catalog.format('%%s (%%s)', quote_ident(r.rolname), pg_catalog.concat_ws(', ',
    case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypassrls' end,
    case when r.rolcreaterole then 'createrole' end,
    case when pg_catalog.pg_has_role(r.oid, 'pg_read_all_data', 'usage') then 'reads all data' end))
from pg_catalog.pg_roles as r
where r.oid <> 10 and r.rolname <> all (%s) and r.rolname !~ '^pg_'
    and (r.rolsuper or r.rolbypassrls or r.rolcreaterole
        or pg_catalog.pg_has_role(r.oid, 'pg_read_all_data', 'usage'))
order by 1
"""


def role(name: str, identifier: str, facts: dict[str, str], create: str | None = None) -> Item:
    """A role, live or declared."""
    return Item("role", name, identifier, "", None, facts, create)


def membership(of: str, member: str, facts: dict[str, str]) -> Item:
    """A membership, live or declared."""
    return Item("membership", f"of {member} in {of}", of, "", ("role", member), facts)


def roles(connection: Connection, names: Sequence[str]) -> Iterator[Item]:
    """These roles, and as one more what is set for all."""
    asked = [list(names)]
    may_see = connection.execute(MAY_SEE_PASSWORDS).fetchone() == (True,)
    with_password = {name for (name,) in connection.execute(PASSWORDS, asked)} if may_see else set()
    for name, quoted, facts in connection.execute(ROLES, asked).fetchall():
        yield role(quoted, quoted, {**facts, "password": "set"} if name in with_password else facts)
    yield role(ALL_ROLES, ALL_ROLES, dict(connection.execute(SETTINGS_OF_ALL).fetchall()))


def kept_limits(connection: Connection, limits: Sequence[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """Of these limits (role, setting, value), role and setting of those that need not be set."""
    rows = [{"role": role, "setting": setting, "value": value} for role, setting, value in limits]
    return set(connection.execute(KEPT_LIMITS, [Jsonb(rows)]).fetchall())


def memberships(
    connection: Connection, ours: Sequence[str], inheriting: Sequence[str], owner: str
) -> Iterator[Item]:
    """Every membership that concerns these roles, of which the inheriting are declared so."""
    values = {"ours": list(ours), "inheriting": list(inheriting), "owner": owner, "superuser": SUPERUSER}
    for of, member, facts in connection.execute(MEMBERSHIPS, values).fetchall():
        yield membership(of, member, facts)


def grants(connection: Connection, names: Sequence[str]) -> Iterator[Item]:
    """What of parameters, large objects, tablespaces is granted to everybody, a client or one of these."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for kind, name, grantee, rights in connection.execute(GRANTS, [[*CLIENTS, *names]]).fetchall():
        found.setdefault((kind, name), {})[f"grant to {grantee}"] = rights
    for (kind, name), facts in found.items():
        yield Item(kind, name, name, "", None, facts, absent={})


def privileged_roles(connection: Connection, besides: Sequence[str]) -> list[str]:
    """Roles that row-level security does not hold, each with the reason; without those named."""
    return [told for (told,) in connection.execute(PRIVILEGED, [list(besides)]).fetchall()]
