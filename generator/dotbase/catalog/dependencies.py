"""What depends on what: the objects that would go with others, and the data among them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.catalog.objects import Address, CatalogObject, present

Connection = psycopg.Connection[Any]

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
DATA = (
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

# What goes with these, each with what it is an internal part of or hangs on, among them.
EDGES = (
    CLOSURE
    + """,
members as (select distinct c.classid, c.objid from closure as c)
select
    m.classid, m.objid, pg_catalog.pg_describe_object(m.classid, m.objid, 0), o.type, o.identity, o.schema,
    array(
        select array[
            d.refclassid::bigint, d.refobjid::bigint,
            case when d.deptype in ('i', 'P') then 1 when d.deptype = 'a' then 2 else 0 end
        ]
        from pg_catalog.pg_depend as d
        inner join members as r on r.classid = d.refclassid and r.objid = d.refobjid
        where d.classid = m.classid and d.objid = m.objid
    )
from members as m
cross join lateral pg_catalog.pg_identify_object(m.classid, m.objid, 0) as o
"""
)

TABLES = """
select c.oid
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind in ('r', 'p')
"""


@dataclass(frozen=True)
class DependentData:
    """What holds data, or is part of what does: its description, and the schema that it is in."""

    name: str
    schema: str | None


@dataclass(frozen=True)
class Member:
    """One of the objects that go together.

    schema:  that it is in.
    on:      the others that it hangs on.
    part_of: the one that it is an internal part of, as a view's rule is; it goes with that.
    with_it: the one that it goes with without a word, as a default with its table.
    """

    description: str
    object: CatalogObject
    schema: str | None
    on: Sequence[Address]
    part_of: Address | None
    with_it: Address | None


def closure(connection: Connection, addresses: Collection[Address]) -> dict[Address, Member]:
    """What would go if what is at these addresses went by cascade, and itself."""
    values = {"classids": [classid for classid, _ in addresses], "objids": [objid for _, objid in addresses]}
    found = {}
    for classid, objid, description, kind, identity, schema, edges in connection.execute(EDGES, values):
        others = [((one, two), how) for one, two, how in edges if (one, two) != (classid, objid)]
        found[classid, objid] = Member(
            description,
            CatalogObject(kind, identity),
            schema,
            [address for address, _ in others],
            next((address for address, how in others if how == 1), None),
            next((address for address, how in others if how == 2), None),
        )
    return found


def data_depending_on(connection: Connection, addresses: Collection[Address]) -> list[DependentData]:
    """The data that would go if what is at these addresses went, and itself where it is data."""
    values = {"classids": [classid for classid, _ in addresses], "objids": [objid for _, objid in addresses]}
    return [DependentData(*row) for row in connection.execute(DATA, values)]


def dependents_of_tables(
    connection: Connection, schema: str, among: Collection[CatalogObject]
) -> set[CatalogObject]:
    """Those of the given objects that depend on the tables of a schema."""
    tables = [oid for (oid,) in connection.execute(TABLES, [schema])]
    row = connection.execute("select 'pg_class'::regclass::oid").fetchone()
    assert row is not None
    addresses = present(connection).addresses
    found = connection.execute(DEPENDENTS, {"classids": [row[0]] * len(tables), "objids": tables})
    reached = {addresses[address] for address in found if address in addresses}
    return reached & set(among)
