"""What belongs to the cluster, beside what the bootstrap declares: roles, memberships, settings of roles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from dotbase.drift.items import SUPERUSER, Item
from dotbase.errors import DotbaseError
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]

# The two lists of the bootstrap: its roles with their attributes, its memberships.
LIST = re.compile(r"\(values((?:\s*\('[^']*', '[^']*'\),?)+)\s*\) as (roles|memberships) ")
PAIR = re.compile(r"\('([^']*)', '([^']*)'\)")

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
MAY_SEE = "select pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'select')"

# From 16 on, a membership says whether its rights come without `set role`, and whether that is allowed.
# Who may migrate is a member of the owner: that is for each server to say, unless a role of ours is meant.
MEMBERSHIPS = """
select
    quote_ident(g.rolname),
    case when %(alike)s and m.rolsuper then %(superuser)s else quote_ident(m.rolname) end,
    pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
        'admin', case when a.admin_option then 'yes' end,
        'inherit', case f.options ->> 'inherit_option'
            when case
                when m.rolname = any (%(ours)s) then m.rolname = any (%(heirs)s) else m.rolinherit
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
FOR_ALL = """
select
    'setting ' || pg_catalog.split_part(s.setting, '=', 1),
    pg_catalog.substr(s.setting, pg_catalog.strpos(s.setting, '=') + 1)
from pg_catalog.pg_db_role_setting as x
cross join lateral pg_catalog.unnest(x.setconfig) as s (setting)
where x.setrole = 0 and x.setdatabase = 0
"""
EVERYBODY = "all"  # as `alter role all` calls it
ATTRIBUTES = ("superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls")


def declared(steps: Sequence[Step]) -> list[Item]:
    """The roles and memberships that the bootstrap makes."""
    step = next((step for step in steps if step.kind == "bootstrap"), None)
    lists = {match[2]: PAIR.findall(match[1]) for match in LIST.finditer(step.sql)} if step else {}
    if step is not None and "create role" in step.sql and lists.keys() != {"roles", "memberships"}:
        raise DotbaseError(
            "the bootstrap's lists of roles and memberships cannot be read",
            "keep them as `(values ('role', 'attributes'), …) as roles (` and `… as memberships (`",
            step.key,
        )
    return [
        *(_role(name, attributes) for name, attributes in lists.get("roles", [])),
        *(_membership(role, member, {}) for role, member in lists.get("memberships", [])),
        Item("role", EVERYBODY, EVERYBODY, "", None, {}),
    ]


def live(connection: Connection, items: Sequence[Item], owner: str) -> Iterator[Item]:
    """The same roles as they are, and every membership that concerns them."""
    ours = [item.name for item in items if item.kind == "role" and item.name != EVERYBODY]
    seen = connection.execute(MAY_SEE).fetchone() == (True,)
    with_password = {name for (name,) in connection.execute(PASSWORDS, [ours])} if seen else set()
    for name, own, facts in connection.execute(ROLES, [ours]).fetchall():
        # People log in through authenticator, with a password that its operator gives it.
        secret = {"password": "set"} if name in with_password and name != "authenticator" else {}
        yield Item("role", own, own, "", None, {**facts, **secret})
    heirs = [item.name for item in items if item.kind == "role" and "inherit" in item.facts]
    values = {"ours": ours, "heirs": heirs, "owner": owner, "alike": True, "superuser": SUPERUSER}
    for role, member, facts in connection.execute(MEMBERSHIPS, values).fetchall():
        yield _membership(role, member, facts)
    for_all = dict(connection.execute(FOR_ALL).fetchall())
    yield Item("role", EVERYBODY, EVERYBODY, "", None, for_all)


def _role(name: str, attributes: str) -> Item:
    words = attributes.split()
    facts = {
        word: "yes"
        for word in ATTRIBUTES
        if word in words or (word == "inherit" and "noinherit" not in words)
    }
    return Item("role", name, name, "", None, facts, f"create role {name} {attributes}")


def _membership(role: str, member: str, facts: dict[str, str]) -> Item:
    return Item("membership", f"of {member} in {role}", role, "", ("role", member), facts)
