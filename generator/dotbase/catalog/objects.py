"""The objects that repeatable steps can make, read from the catalog by the addresses of dependencies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
Address = tuple[int, int]
NARROWED = re.compile(r"narrowed\(([a-z.]+)\)")


@dataclass(frozen=True, order=True)
class CatalogObject:
    """An object by type and qualified identity, as `drop` takes them."""

    type: str
    identity: str

    @property
    def drop_sql(self) -> str:
        """The statement that drops it alone: what depends on it is dropped first, by name."""
        return f"drop {self.type} if exists {self.identity}"

    @property
    def name(self) -> str:
        """Its name alone, as a file would say it."""
        first = re.split(r"[ (]", self.identity, maxsplit=1)[0]
        return first.rpartition(".")[2].strip('"')

    def __str__(self) -> str:
        return f"{self.type} {self.identity}"


# Every object that a repeatable step can make, by the catalog it is in, with an alias under which
# dependencies may name it. `narrowed(…)` stands for "is among those asked for". Not partitions' triggers and
# policies: they come and go with the partition. Ids under 16384 are initdb's.
KINDS = {
    "pg_proc": """
    select 'pg_proc'::regclass, p.oid, null::oid, null::oid, null::xid
    from pg_catalog.pg_proc as p inner join spaces on spaces.oid = p.pronamespace
    where p.oid >= 16384 and narrowed(p.oid)
    """,
    "pg_class": """
    select 'pg_class'::regclass, c.oid, 'pg_rewrite'::regclass::oid, r.oid, null::xid
    from pg_catalog.pg_class as c
    inner join spaces on spaces.oid = c.relnamespace
    inner join pg_catalog.pg_rewrite as r on r.ev_class = c.oid and r.rulename = '_RETURN'
    where c.oid >= 16384 and c.relkind in ('v', 'm') and (narrowed(c.oid) or narrowed(r.oid))
    """,
    "pg_type": """
    select 'pg_type'::regclass, t.oid, 'pg_class'::regclass::oid, nullif(t.typrelid, 0), null::xid
    from pg_catalog.pg_type as t
    inner join spaces on spaces.oid = t.typnamespace
    left join pg_catalog.pg_class as c on c.oid = t.typrelid
    where t.oid >= 16384 and (narrowed(t.oid) or narrowed(t.typrelid))
        and (t.typtype in ('d', 'e', 'r') or (t.typtype = 'c' and c.relkind = 'c'))
    """,
    "pg_trigger": """
    select 'pg_trigger'::regclass, t.oid, null::oid, null::oid, null::xid
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
    inner join spaces on spaces.oid = c.relnamespace
    where not t.tgisinternal and not c.relispartition and narrowed(t.oid)
    """,
    "pg_policy": """
    select 'pg_policy'::regclass, p.oid, null::oid, null::oid, null::xid
    from pg_catalog.pg_policy as p
    inner join pg_catalog.pg_class as c on c.oid = p.polrelid
    inner join spaces on spaces.oid = c.relnamespace
    where not c.relispartition and narrowed(p.oid)
    """,
    "pg_rewrite": """
    select 'pg_rewrite'::regclass, r.oid, null::oid, null::oid, null::xid
    from pg_catalog.pg_rewrite as r
    inner join pg_catalog.pg_class as c on c.oid = r.ev_class
    inner join spaces on spaces.oid = c.relnamespace
    where r.rulename <> '_RETURN' and narrowed(r.oid)
    """,
    # Always all of them: who wrote a schema tells whether it is new.
    "pg_namespace": """
    select 'pg_namespace'::regclass, spaces.oid, null::oid, null::oid, spaces.xmin from spaces
    """,
}
# The kinds that a dependency row of a catalog may name: their own, or by their alias.
NAMED_BY = {
    "pg_proc": ["pg_proc"],
    "pg_class": ["pg_class", "pg_type"],
    "pg_type": ["pg_type"],
    "pg_trigger": ["pg_trigger"],
    "pg_policy": ["pg_policy"],
    "pg_rewrite": ["pg_class", "pg_rewrite"],
}


def _present(kinds: Iterable[str], narrowed: str) -> str:
    found = " union all ".join(KINDS[kind] for kind in kinds)
    return f"""
with spaces as (
    select n.oid, n.xmin
    from pg_catalog.pg_namespace as n
    where n.nspname not like 'pg\\_%%' and n.nspname not in ('information_schema', 'dotbase')
),
found (classid, objid, alias_classid, alias_objid, writer) as ({NARROWED.sub(narrowed, found)})
select
    f.classid::oid, f.objid, f.alias_classid, f.alias_objid, f.writer::text::bigint, i.type, i.identity
from found as f
cross join lateral pg_catalog.pg_identify_object(f.classid, f.objid, 0) as i
where not exists (
    select from pg_catalog.pg_depend as d
    where d.classid = f.classid and d.objid = f.objid and d.deptype = 'e'
)
"""


PRESENT = _present(KINDS, "true")


@dataclass(frozen=True)
class Present:
    """The objects that exist now, by the addresses under which dependencies name them."""

    addresses: Mapping[Address, CatalogObject]
    schema_writers: Mapping[Address, int]

    @property
    def objects(self) -> frozenset[CatalogObject]:
        """All of them."""
        return frozenset(self.addresses.values())

    def addresses_of(self, objects: Collection[CatalogObject]) -> list[Address]:
        """Where these are in the catalog; those that do not exist are left out."""
        return [address for address, found in self.addresses.items() if found in objects]


def present(connection: Connection) -> Present:
    """Read the objects that exist now."""
    return _read(connection.execute(PRESENT))


def present_of(connection: Connection, named: Collection[tuple[str, int]]) -> Present:
    """Read those that dependencies of these catalogs and ids name, and all schemas: quick for a few."""
    kinds = {kind for catalog, _ in named for kind in NAMED_BY.get(catalog, ())}
    query = _present(
        [kind for kind in KINDS if kind in kinds or kind == "pg_namespace"], r"\1 = any (%(ids)s)"
    )
    return _read(connection.execute(query.encode(), {"ids": sorted({objid for _, objid in named})}))


def _read(rows: Iterable[tuple[Any, ...]]) -> Present:
    addresses: dict[Address, CatalogObject] = {}
    writers: dict[Address, int] = {}
    for classid, objid, alias_classid, alias_objid, writer, kind, identity in rows:
        found = CatalogObject(kind, identity)
        addresses[classid, objid] = found
        if alias_objid is not None:
            addresses[alias_classid, alias_objid] = found
        if writer is not None:
            writers[classid, objid] = writer
    return Present(addresses, writers)
