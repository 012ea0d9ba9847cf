"""Types, and the rarer things that lie in schemas or hang on types and routines."""

from __future__ import annotations

from dotbase.catalog.facts.queries import COMMON, facts, grants, member, no_part, query

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
inner join schemas as n on n.oid = t.typnamespace
left join pg_catalog.pg_class as c on c.oid = t.typrelid
left join role_names as o on o.oid = t.typowner
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


def _by_identity(
    kind: str,
    classid: str,
    namespace: str | None,
    owner: str | None,
    definition: str = "null",
    acl: tuple[str, str] | None = None,
    with_built_in: bool = False,
) -> str:
    """A query for objects that have an identity, an owner, and perhaps a definition on one line."""
    schemas = f"inner join schemas as n on n.oid = x.{namespace}" if namespace else ""
    owners = f"left join role_names as o on o.oid = x.{owner}" if owner else ""
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
{schemas}
{owners}
cross join lateral pg_catalog.pg_identify_object('pg_catalog.{classid}'::regclass, x.oid, 0) as i
where {"true" if with_built_in else "x.oid >= 16384"} and {no_part(classid, "x.oid")}
{"" if namespace else "    and %(whole_database)s"}
"""


OTHER_OBJECTS = COMMON + "union all".join(
    (
        _by_identity(
            "statistics",
            "pg_statistic_ext",
            "stxnamespace",
            "stxowner",
            "pg_catalog.pg_get_statisticsobjdef(x.oid)",
        ),
        _by_identity("operator", "pg_operator", "oprnamespace", "oprowner", OPERATOR, with_built_in=True),
        _by_identity("operator class", "pg_opclass", "opcnamespace", "opcowner"),
        _by_identity("operator family", "pg_opfamily", "opfnamespace", "opfowner"),
        _by_identity("collation", "pg_collation", "collnamespace", "collowner", "x.collcollate"),
        _by_identity("conversion", "pg_conversion", "connamespace", "conowner", "x.conproc::text"),
        _by_identity("text search configuration", "pg_ts_config", "cfgnamespace", "cfgowner"),
        _by_identity(
            "text search dictionary", "pg_ts_dict", "dictnamespace", "dictowner", "x.dictinitoption"
        ),
        _by_identity("text search parser", "pg_ts_parser", "prsnamespace", None),
        _by_identity("text search template", "pg_ts_template", "tmplnamespace", None),
        _by_identity("cast", "pg_cast", None, None, "nullif(x.castfunc, 0)::regprocedure::text"),
        _by_identity("transform", "pg_transform", None, None),
        _by_identity(
            "language",
            "pg_language",
            None,
            "lanowner",
            "case when x.lanpltrusted then 'trusted' else 'not trusted' end",
            acl=("lanacl", "l"),
            with_built_in=True,
        ),
        _by_identity("operator of a family", "pg_amop", None, None),
        _by_identity("function of a family", "pg_amproc", None, None, "x.amproc::regprocedure::text"),
        _by_identity("foreign data wrapper", "pg_foreign_data_wrapper", None, "fdwowner"),
        _by_identity("server", "pg_foreign_server", None, "srvowner"),
        _by_identity("access method", "pg_am", None, None),
        # The one of these that all databases share; its connection string is not for everybody to read.
        _by_identity("subscription", "pg_subscription", None, "subowner")
        + "and x.subdbid = (select d.oid from pg_catalog.pg_database as d"
        " where d.datname = pg_catalog.current_database())\n",
    )
)

QUERIES = (TYPES, OTHER_OBJECTS)
