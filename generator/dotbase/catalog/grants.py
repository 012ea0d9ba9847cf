"""Grants as a migration needs them: what they are like, table by table, and what takes them back."""

from __future__ import annotations

from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# Row security and grants of every table: what a table's step in policies/<app>.yaml sets.
TABLE_FINGERPRINTS = """
select
    n.nspname || '.' || c.relname,
    pg_catalog.md5(pg_catalog.concat_ws(
        ' ',
        c.relrowsecurity,
        c.relforcerowsecurity,
        -- In no order: a right that was taken and given again is the last of the list.
        (
            select pg_catalog.string_agg(i::text, ' ' order by i::text)
            from unnest(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) as i
        ),
        (
            select pg_catalog.string_agg(a.attname || ':' || i::text, ' ' order by a.attname, i::text)
            from pg_catalog.pg_attribute as a
            cross join lateral unnest(a.attacl) as i
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attacl is not null
        )
    ))
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
    and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema')
"""

# Of a table and its columns: what others than its owner may do with it.
REVOKE_TABLE = """
select distinct pg_catalog.format('revoke all on table %%s from %%s', c.oid::regclass,
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral (
    select x.grantee from pg_catalog.aclexplode(c.relacl) as x
    union
    select x.grantee
    from pg_catalog.pg_attribute as t
    cross join lateral pg_catalog.aclexplode(t.attacl) as x
    where t.attrelid = c.oid
) as a
where n.nspname = %s and c.relname = %s and c.relkind in ('r', 'p') and a.grantee <> c.relowner
"""

# Of each routine of an app: what others than its owner may do with it.
REVOKE_ROUTINES = """
select distinct pg_catalog.format('revoke all on routine %%s from %%s', p.oid::regprocedure,
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end)
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
cross join lateral pg_catalog.aclexplode(p.proacl) as a
where n.nspname = %s and a.grantee <> p.proowner
"""


def table_fingerprints(connection: Connection) -> dict[str, str]:
    """Fingerprint of each table's grants and row security, by `schema.table`."""
    return dict(connection.execute(TABLE_FINGERPRINTS).fetchall())


def revokes_of_table(connection: Connection, schema: str, table: str) -> list[str]:
    """The statements that take back whatever was granted on a table."""
    return [statement for (statement,) in connection.execute(REVOKE_TABLE, [schema, table])]


def revokes_of_routines(connection: Connection, schema: str) -> list[str]:
    """The statements that take back whatever was granted on the routines of a schema."""
    return [statement for (statement,) in connection.execute(REVOKE_ROUTINES, [schema])]
