"""Constraints and indexes of tables."""

from __future__ import annotations

from dotbase.drift.queries import facts, query
from dotbase.drift.relations import KIND

# Of partitions only what is their own: what they inherit is their parent's, and a check that is part of
# what their bounds say says that again.
CONSTRAINTS = query(
    """
select
    'constraint', quote_ident(k.conname) || ' on ' || n.name || '.' || quote_ident(c.relname),
    quote_ident(k.conname), n.name, $kind, n.name || '.' || quote_ident(c.relname),
    $facts,
    null, null
from pg_catalog.pg_constraint as k
inner join pg_catalog.pg_class as c on c.oid = k.conrelid
inner join spaces as n on n.oid = c.relnamespace
where k.contype in ('c', 'f', 'p', 'u', 'x') and k.conparentid = 0
    and not (c.relispartition and (k.coninhcount > 0 or (k.contype = 'c' and pg_catalog.strpos(
        pg_catalog.pg_get_partition_constraintdef(c.oid),
        pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), '^CHECK [(](.*)[)]$$', '\\1')
    ) > 0)))
""",
    kind=KIND,
    facts=facts(
        (
            "definition",
            "pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid),"
            " '( NOT DEFERRABLE)?( DEFERRABLE)?( INITIALLY DEFERRED)?( NOT VALID)?$', '')",
        ),
        ("validated", "case when not k.convalidated then 'not valid' end"),
        (
            "deferrable",
            "case when k.condeferred then 'deferrable initially deferred'"
            " when k.condeferrable then 'deferrable' end",
        ),
        ("comment", "pg_catalog.obj_description(k.oid, 'pg_constraint')"),
    ),
)

# Indexes of constraints are told with these, those of partitions with their parent's.
INDEXES = query(
    """
select
    'index', n.name || '.' || quote_ident(x.relname), quote_ident(x.relname), n.name,
    $kind, n.name || '.' || quote_ident(c.relname),
    $facts,
    pg_catalog.pg_get_indexdef(x.oid), null
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as x on x.oid = i.indexrelid
inner join pg_catalog.pg_class as c on c.oid = i.indrelid
inner join spaces as n on n.oid = c.relnamespace
where not exists (
        select
        from pg_catalog.pg_constraint as k
        where k.conindid = x.oid and k.contype in ('p', 'u', 'x') and k.conrelid = c.oid
    )
    and not exists (select from pg_catalog.pg_inherits as h where h.inhrelid = x.oid)
""",
    kind=KIND,
    facts=facts(
        ("definition", "pg_catalog.pg_get_indexdef(x.oid)"),
        ("valid", "case when not (i.indisvalid and i.indisready) then 'invalid' end"),
        ("clustered", "case when i.indisclustered then 'clustered' end"),
        ("comment", "pg_catalog.obj_description(x.oid, 'pg_class')"),
    ),
)

QUERIES = (CONSTRAINTS, INDEXES)
