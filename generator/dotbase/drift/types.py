"""Types, and the rarer things that lie in schemas or hang on types and routines."""

from __future__ import annotations

from dotbase.drift.queries import COMMON, facts, grants, member, no_part, query

TYPES = query(
    """
select
    'type', n.name || '.' || quote_ident(t.typname), quote_ident(t.typname), n.name, 'schema', n.name,
    $facts || $grants,
    case when t.typtype in ('c', 'd', 'e') then pg_catalog.format(
        case t.typtype when 'd' then 'create domain %%s.%%I %%s' else 'create type %%s.%%I %%s' end,
        n.name, t.typname, f.definition
    ) end,
    null
from pg_catalog.pg_type as t
inner join spaces as n on n.oid = t.typnamespace
left join pg_catalog.pg_class as c on c.oid = t.typrelid
left join people as o on o.oid = t.typowner
cross join lateral (
    select case t.typtype
        when 'c' then 'as (' || coalesce((
            select pg_catalog.string_agg(
                quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
                || case when a.attcollation <> y.typcollation
                    then ' collate ' || a.attcollation::regcollation::text else '' end,
                ', ' order by a.attnum
            )
            from pg_catalog.pg_attribute as a
            inner join pg_catalog.pg_type as y on y.oid = a.atttypid
            where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
        ), '') || ')'
        when 'e' then 'as enum (' || coalesce((
            select pg_catalog.string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
            from pg_catalog.pg_enum as e
            where e.enumtypid = t.oid
        ), '') || ')'
        when 'd' then pg_catalog.concat_ws(
            ' ', 'as ' || pg_catalog.format_type(t.typbasetype, t.typtypmod),
            case when t.typcollation <> 0 and t.typcollation <> (
                select b.typcollation from pg_catalog.pg_type as b where b.oid = t.typbasetype
            ) then 'collate ' || t.typcollation::regcollation::text end,
            'default ' || t.typdefault, case when t.typnotnull then 'not null' end, (
                select pg_catalog.string_agg(
                    'constraint ' || quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid),
                    ' ' order by k.conname
                )
                from pg_catalog.pg_constraint as k
                where k.contypid = t.oid and k.contype = 'c'
            )
        )
        when 'r' then (
            select pg_catalog.concat_ws(' ', 'as range of', pg_catalog.format_type(r.rngsubtype, null))
            from pg_catalog.pg_range as r
            where r.rngtypid = t.oid
        )
        else 'base type'
    end as definition
) as f
where (
        t.typtype in ('d', 'e', 'r')
        or (t.typtype = 'c' and c.relkind = 'c')
        or (t.typtype = 'b' and not exists (
            select from pg_catalog.pg_type as y where y.typarray = t.oid
        ))
    )
""",
    facts=facts(
        ("owner", "o.name"),
        ("definition", "f.definition"),
        member("pg_type", "t.oid"),
        ("comment", "pg_catalog.obj_description(t.oid, 'pg_type')"),
    ),
    grants=grants("t.typacl", "T", "t.typowner"),
)


OPERATOR = """pg_catalog.concat_ws(
            ' ', x.oprcode, 'restrict', x.oprrest, 'join', x.oprjoin,
            'commutator', nullif(x.oprcom, 0)::regoperator,
            'negator', nullif(x.oprnegate, 0)::regoperator, case when x.oprcanmerge then 'merges' end,
            case when x.oprcanhash then 'hashes' end
        )"""


def _others(
    kind: str,
    classid: str,
    namespace: str | None,
    owner: str | None,
    definition: str = "null",
    acl: tuple[str, str] | None = None,
    everyone: bool = False,
) -> str:
    """Things that have an identity, an owner, and perhaps a definition on one line."""
    space = f"inner join spaces as n on n.oid = x.{namespace}" if namespace else ""
    people = f"left join people as o on o.oid = x.{owner}" if owner else ""
    compared = facts(
        ("owner", "o.name" if owner else "null"),
        ("definition", definition),
        member(classid, "x.oid"),
        ("comment", f"pg_catalog.obj_description(x.oid, '{classid}')"),
    )
    rights = f" || {grants(f'x.{acl[0]}', acl[1], f'x.{owner}')}" if acl else ""
    return f"""
select
    '{kind}', i.identity, i.identity, {"n.name" if namespace else "''"},
    {"'schema', n.name" if namespace else "null, null"},
    {compared}{rights}, null, null
from pg_catalog.{classid} as x
{space}
{people}
cross join lateral pg_catalog.pg_identify_object('pg_catalog.{classid}'::regclass, x.oid, 0) as i
where {"true" if everyone else "x.oid >= 16384"} and {no_part(classid, "x.oid")}
{"" if namespace else "    and %(whole)s"}
"""


OTHERS = COMMON + "union all".join(
    (
        _others(
            "statistics",
            "pg_statistic_ext",
            "stxnamespace",
            "stxowner",
            "pg_catalog.pg_get_statisticsobjdef(x.oid)",
        ),
        _others("operator", "pg_operator", "oprnamespace", "oprowner", OPERATOR, everyone=True),
        _others("operator class", "pg_opclass", "opcnamespace", "opcowner"),
        _others("operator family", "pg_opfamily", "opfnamespace", "opfowner"),
        _others("collation", "pg_collation", "collnamespace", "collowner", "x.collcollate"),
        _others("conversion", "pg_conversion", "connamespace", "conowner", "x.conproc::text"),
        _others("text search configuration", "pg_ts_config", "cfgnamespace", "cfgowner"),
        _others("text search dictionary", "pg_ts_dict", "dictnamespace", "dictowner", "x.dictinitoption"),
        _others("text search parser", "pg_ts_parser", "prsnamespace", None),
        _others("text search template", "pg_ts_template", "tmplnamespace", None),
        _others("cast", "pg_cast", None, None, "nullif(x.castfunc, 0)::regprocedure::text"),
        _others("transform", "pg_transform", None, None),
        _others(
            "language",
            "pg_language",
            None,
            "lanowner",
            "case when x.lanpltrusted then 'trusted' else 'not trusted' end",
            acl=("lanacl", "l"),
            everyone=True,
        ),
        _others("operator of a family", "pg_amop", None, None),
        _others("function of a family", "pg_amproc", None, None, "x.amproc::regprocedure::text"),
        _others("foreign data wrapper", "pg_foreign_data_wrapper", None, "fdwowner"),
        _others("server", "pg_foreign_server", None, "srvowner"),
        _others("access method", "pg_am", None, None),
        # The one of these that all databases share; its connection string is not for everybody to read.
        _others("subscription", "pg_subscription", None, "subowner")
        + "and x.subdbid = (select d.oid from pg_catalog.pg_database as d"
        " where d.datname = pg_catalog.current_database())\n",
    )
)

QUERIES = (TYPES, OTHERS)
