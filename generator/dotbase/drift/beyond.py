"""What is granted beyond tables and routines: parameters, large objects, tablespaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from dotbase.drift.items import Item

Connection = psycopg.Connection[Any]

# Whom a person or a program comes as, on every server.
CLIENTS = ("anon", "authenticated", "service_role", "authenticator")

GRANTED = """
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

POWERFUL = """
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


def powerful(connection: Connection, declared: Sequence[str]) -> str | None:
    """A sentence about the roles that nobody declared and that row-level security does not hold."""
    names = [name for (name,) in connection.execute(POWERFUL, [list(declared)]).fetchall()]
    return f"no difference, but not declared either: {'; '.join(names)}." if names else None


def granted(connection: Connection, roles: Sequence[Item]) -> Iterator[Item]:
    """Whatever of it is granted to everybody or to a role of ours: nothing of it is declared."""
    names = {*CLIENTS, *(role.name for role in roles)}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for kind, name, role, rights in connection.execute(GRANTED, [list(names)]).fetchall():
        found.setdefault((kind, name), {})[f"grant to {role}"] = rights
    for (kind, name), facts in found.items():
        yield Item(kind, name, name, "", None, facts, absent={})
