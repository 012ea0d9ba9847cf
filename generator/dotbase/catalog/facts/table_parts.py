"""What lies on tables: constraints, indexes, policies, triggers, rules."""

from __future__ import annotations

from dotbase.catalog.facts.queries import ENABLED, facts, query
from dotbase.catalog.facts.relations import KIND

ON = "n.name || '.' || quote_ident(c.relname)"

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
inner join schemas as n on n.oid = c.relnamespace
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
inner join schemas as n on n.oid = c.relnamespace
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

POLICIES = query(
    """
select
    'policy', quote_ident(p.polname) || ' on ' || $relation, quote_ident(p.polname), n.name, $kind, $relation,
    $facts,
    null, null
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_class as c on c.oid = p.polrelid
inner join schemas as n on n.oid = c.relnamespace
""",
    relation=ON,
    kind=KIND,
    facts=facts(
        ("permissive", "case when not p.polpermissive then 'restrictive' end"),
        (
            "command",
            "case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'"
            " when 'd' then 'delete' else 'all' end",
        ),
        (
            "roles",
            """(
            select pg_catalog.string_agg(coalesce(w.name, r.oid::text), ', ' order by w.name)
            from pg_catalog.unnest(p.polroles) as r (oid)
            left join role_names as w on w.oid = r.oid
        )""",
        ),
        ("using", "pg_catalog.pg_get_expr(p.polqual, p.polrelid)"),
        ("with check", "pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)"),
        ("comment", "pg_catalog.obj_description(p.oid, 'pg_policy')"),
    ),
)

# Triggers per row are copied to partitions, and told with their parent's.
TRIGGERS = query(
    """
select
    'trigger', quote_ident(t.tgname) || ' on ' || $relation, quote_ident(t.tgname), n.name, $kind, $relation,
    $facts,
    pg_catalog.pg_get_triggerdef(t.oid), null
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
inner join schemas as n on n.oid = c.relnamespace
where not t.tgisinternal and t.tgparentid = 0
""",
    relation=ON,
    kind=KIND,
    facts=facts(
        ("definition", "pg_catalog.pg_get_triggerdef(t.oid)"),
        ("enabled", ENABLED.format("t.tgenabled")),
        ("comment", "pg_catalog.obj_description(t.oid, 'pg_trigger')"),
    ),
)

RULES = query(
    """
select
    'rule', quote_ident(r.rulename) || ' on ' || $relation, quote_ident(r.rulename), n.name, $kind, $relation,
    $facts,
    pg_catalog.pg_get_ruledef(r.oid), null
from pg_catalog.pg_rewrite as r
inner join pg_catalog.pg_class as c on c.oid = r.ev_class
inner join schemas as n on n.oid = c.relnamespace
where r.rulename <> '_RETURN'
""",
    relation=ON,
    kind=KIND,
    facts=facts(
        ("definition", "pg_catalog.pg_get_ruledef(r.oid)"),
        ("enabled", ENABLED.format("r.ev_enabled")),
        ("comment", "pg_catalog.obj_description(r.oid, 'pg_rewrite')"),
    ),
)

QUERIES = (CONSTRAINTS, INDEXES, POLICIES, TRIGGERS, RULES)
