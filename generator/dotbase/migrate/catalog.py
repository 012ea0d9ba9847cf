"""What repeatable steps made: which objects since the last look, who depends on them, and how to drop them.

Dependency rows (`pg_depend`) are written anew whenever an object is made or replaced, and not by grants,
comments or changes of owner. Rows that this transaction wrote since the last look are therefore exactly
what a file made. Rows of other sessions (a job that makes a partition meanwhile) are told apart by xmin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import psycopg

from dotbase.catalog.objects import CatalogObject, Present, present, present_of
from dotbase.errors import DotbaseError

Connection = psycopg.Connection[Any]


# Dependency rows written since this transaction began, whoever wrote them, by transactions (or savepoints
# of ours) that began so many after it, or more. Age counts from our own transaction.
WRITTEN = """
select
    d.classid::regclass::text, d.classid, d.objid, d.ctid::text, d.xmin::text::bigint,
    - pg_catalog.age(d.xmin)
from pg_catalog.pg_depend as d
where pg_catalog.age(d.xmin) <= - %s::int
"""

# Which of these transaction ids are ours: visible and yet in progress.
OURS = """
select x
from unnest(%s::bigint[]) as x
cross join (select pg_catalog.pg_current_xact_id()::text::bigint as top) as t
where pg_catalog.pg_xact_status((t.top + ((x - (t.top & 4294967295)) & 4294967295))::text::xid8)
    = 'in progress'
"""

# What goes when these go: everything that depends on them, and what it is an internal part of.
CLOSURE = """
with recursive closure (classid, objid, objsubid) as (
    select s.classid, s.objid, 0
    from unnest(%(classids)s::oid[], %(objids)s::oid[]) as s (classid, objid)
    union
    select x.classid, x.objid, x.objsubid
    from closure as c
    cross join lateral (
        select d.classid, d.objid, d.objsubid
        from pg_catalog.pg_depend as d
        where d.refclassid = c.classid
            and d.refobjid = c.objid
            and (c.objsubid = 0 or d.refobjsubid = c.objsubid)
        union all
        select d.refclassid, d.refobjid, d.refobjsubid
        from pg_catalog.pg_depend as d
        where d.classid = c.classid and d.objid = c.objid and d.deptype = 'i'
    ) as x
)
"""

# Data among them, with its schema: whatever is neither code nor a rule about access.
PRECIOUS = (
    CLOSURE
    + """
select distinct
    pg_catalog.pg_describe_object(c.classid, c.objid, c.objsubid),
    -- A default and a place in a publication are in the schema of their table.
    coalesce(o.schema, pg_catalog.quote_ident(n.nspname))
from closure as c
cross join lateral pg_catalog.pg_identify_object(c.classid, c.objid, c.objsubid) as o
left join pg_catalog.pg_attrdef as v on c.classid = 'pg_attrdef'::regclass and v.oid = c.objid
left join pg_catalog.pg_publication_rel as p on c.classid = 'pg_publication_rel'::regclass and p.oid = c.objid
left join pg_catalog.pg_class as h on h.oid = coalesce(v.adrelid, p.prrelid)
left join pg_catalog.pg_namespace as n on n.oid = h.relnamespace
left join pg_catalog.pg_class as r on c.classid = 'pg_class'::regclass and r.oid = c.objid
left join pg_catalog.pg_index as i on i.indexrelid = r.oid
left join pg_catalog.pg_class as t on t.oid = i.indrelid
left join pg_catalog.pg_constraint as k on c.classid = 'pg_constraint'::regclass and k.oid = c.objid
where c.classid not in (
        'pg_proc'::regclass, 'pg_type'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass,
        'pg_policy'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass, 'pg_default_acl'::regclass
    )
    and coalesce(t.relkind, r.relkind, 'x') not in ('v', 'm', 'c')
    and not coalesce(k.contype = 't' or k.contypid <> 0, false)
order by 1
"""
)

# Which objects depend on the tables of a schema and could refuse a change to them.
DEPENDENTS = (
    CLOSURE
    + """
select distinct c.classid, c.objid
from closure as c
where c.classid <> 'pg_trigger'::regclass
union
select d.classid, d.objid
from pg_catalog.pg_depend as d
inner join closure as c on d.refclassid = c.classid and d.refobjid = c.objid
where d.classid = 'pg_trigger'::regclass and d.refobjsubid > 0
"""
)

TABLES = """
select c.oid
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind in ('r', 'p')
"""

# Row security and grants of every table: what a table's step in policies/<app>.yaml sets.
ACCESS = """
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


class Watch:
    """Tells what this transaction made between two looks; what comes between is in savepoints of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._newest = -1
        self._written = self._read_written()
        self._schemas = set(present(connection).schema_writers)

    def _read_written(self) -> set[tuple[str, int, int, str, int, int]]:
        return set(self._connection.execute(WRITTEN, [self._newest + 1]).fetchall())

    def made(self, *, alone: bool = False) -> tuple[frozenset[CatalogObject], Present]:
        """Objects made or replaced by us since the last look, and all that exist now, unless alone."""
        written = self._read_written()
        new = written - self._written
        now = (
            present_of(self._connection, {(catalog, objid) for catalog, _, objid, *_ in new})
            if alone
            else present(self._connection)
        )
        rows = [(classid, objid, xmin) for _, classid, objid, _, xmin, _ in new]
        rows += [
            (*address, xmin) for address, xmin in now.schema_writers.items() if address not in self._schemas
        ]
        xids = sorted({xmin for _, _, xmin in rows})
        ours = {xid for (xid,) in self._connection.execute(OURS, [xids])} if xids else set()
        self._newest = max((later for *_, xmin, later in written if xmin in ours), default=self._newest)
        self._written = written
        self._schemas = set(now.schema_writers)
        made = {
            now.addresses[classid, objid]
            for classid, objid, xmin in rows
            if xmin in ours and (classid, objid) in now.addresses
        }
        return frozenset(made), now


def drop(connection: Connection, objects: Iterable[CatalogObject], where: str) -> None:
    """Drop objects with the repeatable ones that depend on them; refuse when data would go with them."""
    doomed = set(objects)
    if not doomed:
        return
    now = present(connection)
    schemas = {found for found in doomed if found.type == "schema"}
    addresses = now.addresses_of(doomed - schemas)
    if addresses:
        precious = connection.execute(
            PRECIOUS, {"classids": [a for a, _ in addresses], "objids": [o for _, o in addresses]}
        ).fetchall()
        inside = {found.identity for found in schemas}
        lost = [name for name, schema in precious if schema not in inside]
        if lost:
            raise DotbaseError(
                f"dropping {', '.join(map(str, sorted(doomed & now.objects)))} would drop {', '.join(lost)}",
                "let a versioned file take away what depends on it first",
                where,
            )
    for found in sorted(doomed & now.objects):
        connection.execute(found.drop_sql.encode())


def dependents(connection: Connection, app: str, among: Collection[CatalogObject]) -> set[CatalogObject]:
    """Those of the given objects that depend on the tables of an app."""
    tables = [oid for (oid,) in connection.execute(TABLES, [app])]
    row = connection.execute("select 'pg_class'::regclass::oid").fetchone()
    assert row is not None
    addresses = present(connection).addresses
    found = connection.execute(DEPENDENTS, {"classids": [row[0]] * len(tables), "objids": tables})
    reached = {addresses[address] for address in found if address in addresses}
    return reached & set(among)


def access(connection: Connection) -> dict[str, str]:
    """Fingerprint of each table's grants and row security, by `schema.table`."""
    return dict(connection.execute(ACCESS).fetchall())
