"""Routines: bodies, attributes, settings."""

from __future__ import annotations

from dotbase.catalog.facts.queries import facts, grants, member, no_part, query

ROUTINES = query(
    """
select
    case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    p.oid::regprocedure::text, p.oid::regprocedure::text, n.name, 'schema', n.name,
    $facts || coalesce((
        select pg_catalog.jsonb_object_agg(
            'setting ' || pg_catalog.split_part(s.setting, '=', 1),
            pg_catalog.substr(s.setting, pg_catalog.strpos(s.setting, '=') + 1)
        )
        from pg_catalog.unnest(p.proconfig) as s (setting)
    ), '{}') || $grants,
    case when p.prokind <> 'a' and (p.oid >= 16384 or n.name <> 'pg_catalog')
        then pg_catalog.pg_get_functiondef(p.oid) end,
    null
from pg_catalog.pg_proc as p
inner join schemas as n on n.oid = p.pronamespace
inner join pg_catalog.pg_language as l on l.oid = p.prolang
left join role_names as o on o.oid = p.proowner
where $no_part
""",
    facts=facts(
        ("owner", "o.name"),
        ("language", "case when l.lanname <> 'internal' or p.prokind <> 'a' then l.lanname end"),
        ("returns", "pg_catalog.pg_get_function_result(p.oid)"),
        ("arguments", "nullif(pg_catalog.pg_get_function_arguments(p.oid), '')"),
        ("body", "coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)"),
        ("file", "p.probin"),
        (
            "volatility",
            "case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end",
        ),
        ("security", "case when p.prosecdef then 'security definer' end"),
        ("strict", "case when p.proisstrict then 'strict' end"),
        (
            "parallel",
            "case p.proparallel when 's' then 'parallel safe' when 'r' then 'parallel restricted' end",
        ),
        ("leakproof", "case when p.proleakproof then 'leakproof' end"),
        ("window", "case when p.prokind = 'w' then 'window' end"),
        ("cost", "p.procost::text"),
        ("rows", "nullif(p.prorows, 0)::text"),
        ("support", "nullif(p.prosupport::oid, 0)::regproc::text"),
        (
            "aggregate",
            """(
            select pg_catalog.concat_ws(
                ' ', g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggtranstype::regtype, g.agginitval,
                g.aggkind
            )
            from pg_catalog.pg_aggregate as g
            where g.aggfnoid = p.oid
        )""",
        ),
        member("pg_proc", "p.oid"),
        ("comment", "pg_catalog.obj_description(p.oid, 'pg_proc')"),
    ),
    grants=grants("p.proacl", "f", "p.proowner"),
    no_part=no_part("pg_proc", "p.oid"),
)

QUERIES = (ROUTINES,)
