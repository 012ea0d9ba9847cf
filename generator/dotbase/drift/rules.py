"""What acts on rows and commands: policies, triggers, rules, event triggers."""

from __future__ import annotations

from dotbase.drift.queries import facts, member, query
from dotbase.drift.relations import KIND

ENABLED = "case {} when 'D' then 'disabled' when 'R' then 'on replicas' when 'A' then 'always' end"
ON = "n.name || '.' || quote_ident(c.relname)"

POLICIES = query(
    """
select
    'policy', quote_ident(p.polname) || ' on ' || $relation, quote_ident(p.polname), n.name, $kind, $relation,
    $facts,
    null, null
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_class as c on c.oid = p.polrelid
inner join spaces as n on n.oid = c.relnamespace
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
            left join people as w on w.oid = r.oid
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
inner join spaces as n on n.oid = c.relnamespace
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
inner join spaces as n on n.oid = c.relnamespace
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

EVENT_TRIGGERS = query(
    """
select
    'event trigger', quote_ident(e.evtname), quote_ident(e.evtname), coalesce(n.name, ''), null, null,
    $facts,
    null, null
from pg_catalog.pg_event_trigger as e
inner join pg_catalog.pg_proc as p on p.oid = e.evtfoid
left join spaces as n on n.oid = p.pronamespace
left join people as o on o.oid = e.evtowner
where %(whole)s or n.oid is not null
""",
    facts=facts(
        ("owner", "o.name"),
        ("event", "e.evtevent"),
        ("function", "e.evtfoid::regprocedure::text"),
        ("tags", "pg_catalog.array_to_string(e.evttags, ', ')"),
        ("enabled", ENABLED.format("e.evtenabled")),
        member("pg_event_trigger", "e.oid"),
        ("comment", "pg_catalog.obj_description(e.oid, 'pg_event_trigger')"),
    ),
)

QUERIES = (POLICIES, TRIGGERS, RULES, EVENT_TRIGGERS)
