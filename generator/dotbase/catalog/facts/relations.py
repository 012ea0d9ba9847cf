"""Tables, views, materialized views, foreign tables, sequences, and the columns of tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.catalog.facts.queries import Scope, column_grants, facts, grants, member, query

Connection = psycopg.Connection[Any]

KIND = """case c.relkind
        when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table'
    end"""

# Each option is a fact of its own; booleans are told one way.
OPTIONS = """coalesce((
        select pg_catalog.jsonb_object_agg(
            'option ' || o.option_name,
            case pg_catalog.lower(o.option_value)
                when 'on' then 'true' when 'yes' then 'true' when '1' then 'true'
                when 'off' then 'false' when 'no' then 'false'
                else o.option_value
            end
        )
        from pg_catalog.pg_options_to_table(c.reloptions) as o
    ), '{}')"""

TABLES = query(
    """
select
    $kind, n.name || '.' || quote_ident(c.relname), quote_ident(c.relname), n.name, 'schema', n.name,
    $facts || $options || $grants,
    null, null
from pg_catalog.pg_class as c
inner join schemas as n on n.oid = c.relnamespace
left join role_names as o on o.oid = c.relowner
left join pg_catalog.pg_am as a on a.oid = c.relam
left join lateral (
    select pg_catalog.string_agg(h.inhparent::regclass::text, ', ' order by h.inhseqno) as parents
    from pg_catalog.pg_inherits as h
    where h.inhrelid = c.oid
) as i on true
where c.relkind in ('r', 'p', 'f')
""",
    kind=KIND,
    facts=facts(
        ("owner", "o.name"),
        ("persistence", "case c.relpersistence when 'u' then 'unlogged' end"),
        ("partition key", "pg_catalog.pg_get_partkeydef(c.oid)"),
        ("partition of", "case when c.relispartition then i.parents end"),
        ("bound", "pg_catalog.pg_get_expr(c.relpartbound, c.oid)"),
        ("inherits", "case when not c.relispartition then i.parents end"),
        ("row-level security", "case when c.relrowsecurity then 'enabled' end"),
        ("forced row-level security", "case when c.relforcerowsecurity then 'forced' end"),
        (
            "replica identity",
            "case c.relreplident when 'n' then 'nothing' when 'f' then 'full' when 'i' then 'index' end",
        ),
        ("access method", "case when a.amname <> 'heap' then a.amname end"),
        (
            "checks of foreign keys",
            """case when exists (
            select from pg_catalog.pg_trigger as t
            where t.tgrelid = c.oid and t.tgisinternal and t.tgenabled <> 'O' and t.tgparentid = 0
        ) then 'disabled' end""",
        ),
        member("pg_class", "c.oid"),
        ("comment", "pg_catalog.obj_description(c.oid, 'pg_class')"),
    ),
    options=OPTIONS,
    grants=grants("c.relacl", "r", "c.relowner"),
)

VIEWS = query(
    """
select
    $kind, n.name || '.' || quote_ident(c.relname), quote_ident(c.relname), n.name, 'schema', n.name,
    $facts || $options || $grants || coalesce((
        select pg_catalog.jsonb_object_agg(f.key, f.value)
        from pg_catalog.pg_attribute as a
        cross join lateral pg_catalog.jsonb_each($facts_2 || $grants_2) as f
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ), '{}'),
    null, null
from pg_catalog.pg_class as c
inner join schemas as n on n.oid = c.relnamespace
left join role_names as o on o.oid = c.relowner
where c.relkind in ('v', 'm')
""",
    kind=KIND,
    facts=facts(
        ("owner", "o.name"),
        ("definition", "pg_catalog.pg_get_viewdef(c.oid)"),
        (
            "_columns",
            """(
            select pg_catalog.string_agg(
                quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ', '
                order by a.attnum
            )
            from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        )""",
        ),
        member("pg_class", "c.oid"),
        ("comment", "pg_catalog.obj_description(c.oid, 'pg_class')"),
    ),
    options=OPTIONS,
    grants=grants("c.relacl", "r", "c.relowner"),
    facts_2=facts(
        ("comment on column ' || quote_ident(a.attname) || '", "pg_catalog.col_description(c.oid, a.attnum)"),
        (
            "default of column ' || quote_ident(a.attname) || '",
            "(select pg_catalog.pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef as d"
            " where d.adrelid = c.oid and d.adnum = a.attnum)",
        ),
    ),
    grants_2=column_grants("a.attacl", "c.relowner", "grant on column ' || quote_ident(a.attname) || ' to"),
)

# Order and storage of columns are nobody's drift. A partition made by a job is compared as its model.
COLUMNS = query(
    """
select
    'column', n.name || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
    quote_ident(a.attname), n.name, $kind, n.name || '.' || quote_ident(c.relname),
    $facts || $grants,
    null, null
from pg_catalog.pg_class as c
inner join schemas as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
inner join pg_catalog.pg_type as t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p', 'f') and n.name <> 'pg_catalog'
""",
    kind=KIND,
    facts=facts(
        ("_position", "a.attnum::text"),
        ("type", "pg_catalog.format_type(a.atttypid, a.atttypmod)"),
        (
            "collation",
            "case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end",
        ),
        ("not null", "case when a.attnotnull then 'not null' end"),
        ("default", "case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end"),
        (
            "generated",
            "case a.attgenerated when '' then null else pg_catalog.pg_get_expr(d.adbin, d.adrelid)"
            " || case a.attgenerated when 'v' then ' virtual' else '' end end",
        ),
        ("identity", "case a.attidentity when 'a' then 'always' when 'd' then 'by default' end"),
        ("comment", "pg_catalog.col_description(c.oid, a.attnum)"),
    ),
    grants=column_grants("a.attacl", "c.relowner", "grant to"),
)

# Of columns that the system has, and of those of its own tables, the grants alone.
SYSTEM_COLUMNS = query(
    """
select
    'column', n.name || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
    quote_ident(a.attname), n.name, $kind, n.name || '.' || quote_ident(c.relname),
    $grants,
    null, '{}'::jsonb
from pg_catalog.pg_class as c
inner join schemas as n on n.oid = c.relnamespace
inner join pg_catalog.pg_attribute as a
    on a.attrelid = c.oid and (a.attnum < 0 or n.name = 'pg_catalog') and a.attacl is not null
where c.relkind in ('r', 'p', 'f')
""",
    kind=KIND,
    grants=column_grants("a.attacl", "c.relowner", "grant to"),
)

# The sequence of an identity column goes with the column.
SEQUENCES = query(
    """
select
    'sequence', n.name || '.' || quote_ident(c.relname), quote_ident(c.relname), n.name,
    case d.deptype when 'i' then 'column' when 'a' then 'table' else 'schema' end,
    case d.deptype
        when 'i' then d.refobjid::regclass::text || '.' || quote_ident(a.attname)
        when 'a' then d.refobjid::regclass::text
        else n.name
    end,
    $facts || $grants,
    null, null
from pg_catalog.pg_class as c
inner join schemas as n on n.oid = c.relnamespace
inner join pg_catalog.pg_sequence as s on s.seqrelid = c.oid
left join role_names as o on o.oid = c.relowner
left join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
left join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where c.relkind = 'S'
""",
    facts=facts(
        # An owned sequence has its table's owner.
        ("owner", "case when d.refobjid is null then o.name end"),
        ("type", "pg_catalog.format_type(s.seqtypid, null)"),
        ("start", "s.seqstart::text"),
        ("increment", "s.seqincrement::text"),
        ("minimum", "s.seqmin::text"),
        ("maximum", "s.seqmax::text"),
        ("cache", "s.seqcache::text"),
        ("cycle", "case when s.seqcycle then 'cycle' end"),
        ("owned by", "d.refobjid::regclass::text || '.' || quote_ident(a.attname)"),
        member("pg_class", "c.oid"),
        ("comment", "pg_catalog.obj_description(c.oid, 'pg_class')"),
    ),
    grants=grants("c.relacl", "s", "c.relowner"),
)

QUERIES = (TABLES, VIEWS, COLUMNS, SYSTEM_COLUMNS, SEQUENCES)

PARTITIONED = """
select n.nspname, c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
    c.relrowsecurity, c.relforcerowsecurity
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'p'
    and n.nspname !~ '^pg_'
    and (%(ours)s::text[] is null or n.nspname = any (%(ours)s::text[]))
order by c.oid
"""


@dataclass(frozen=True)
class PartitionedTable:
    """A table with partitions; its name is the one that its item has."""

    schema: str
    table: str
    name: str
    row_security: bool
    forced: bool


def partitioned_tables(connection: Connection, scope: Scope) -> list[PartitionedTable]:
    """All of these schemas, the eldest first."""
    rows = connection.execute(PARTITIONED, {"ours": scope.parameters["ours"]}).fetchall()
    return [PartitionedTable(*row) for row in rows]
