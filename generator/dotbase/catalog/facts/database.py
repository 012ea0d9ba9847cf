"""The database itself, its schemas, extensions, publications, event triggers and default privileges."""

from __future__ import annotations

from dotbase.catalog.facts.items import NEWEST
from dotbase.catalog.facts.queries import ENABLED, facts, grants, member, query

CLIENTS = "('anon', 'authenticated', 'service_role', 'authenticator', 'dotbase_cron')"

SCHEMAS = query(
    """
select
    'schema', s.name, s.name, s.name, null, null,
    $facts
    || $grants,
    'create schema ' || s.name, null
from pg_catalog.pg_namespace as n
inner join schemas as s on s.oid = n.oid
left join role_names as o on o.oid = n.nspowner
""",
    facts=facts(
        ("owner", "o.name"),
        member("pg_namespace", "n.oid"),
        ("comment", "pg_catalog.obj_description(n.oid, 'pg_namespace')"),
    ),
    grants=grants("n.nspacl", "n", "n.nspowner"),
)

# Servers bring versions of their own: each extension is held to the newest that its server has.
EXTENSIONS = query(
    """
select
    'extension', quote_ident(e.extname), quote_ident(e.extname), '', null, null,
    $facts,
    pg_catalog.format('create extension %%I with schema %%I', e.extname, n.nspname), null
from pg_catalog.pg_extension as e
inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
left join pg_catalog.pg_available_extensions as a on a.name = e.extname
left join role_names as o on o.oid = e.extowner
where %(whole_database)s and n.nspname <> all (%(ignored)s::text[])
""",
    facts=facts(
        (
            "version",
            "case when e.extversion is distinct from a.default_version then e.extversion"
            f" else '{NEWEST}' end",
        ),
        ("_version", "e.extversion"),
        ("schema", "quote_ident(n.nspname)"),
        ("owner", "o.name"),
        ("comment", "pg_catalog.obj_description(e.oid, 'pg_extension')"),
    ),
)

PUBLICATIONS = query(
    """
select
    'publication', quote_ident(p.pubname), quote_ident(p.pubname), '', null, null,
    $facts,
    null, null
from pg_catalog.pg_publication as p
left join role_names as o on o.oid = p.pubowner
where %(whole_database)s
union all
select
    'published table', n.name || '.' || quote_ident(c.relname) || ' in ' || quote_ident(p.pubname),
    quote_ident(p.pubname), n.name, 'publication', quote_ident(p.pubname),
    $facts_2,
    n.name || '.' || quote_ident(c.relname), null
from pg_catalog.pg_publication_rel as r
inner join pg_catalog.pg_publication as p on p.oid = r.prpubid
inner join pg_catalog.pg_class as c on c.oid = r.prrelid
inner join schemas as n on n.oid = c.relnamespace
union all
select
    'published schema', n.name || ' in ' || quote_ident(p.pubname), quote_ident(p.pubname), n.name,
    'publication', quote_ident(p.pubname), '{}', n.name, null
from pg_catalog.pg_publication_namespace as r
inner join pg_catalog.pg_publication as p on p.oid = r.pnpubid
inner join schemas as n on n.oid = r.pnnspid
""",
    facts=facts(
        ("owner", "o.name"),
        ("tables", "case when p.puballtables then 'all' end"),
        (
            "operations",
            "pg_catalog.concat_ws(', ', case when p.pubinsert then 'insert' end,"
            " case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end,"
            " case when p.pubtruncate then 'truncate' end)",
        ),
        ("by way of the root", "case when p.pubviaroot then 'yes' end"),
        ("comment", "pg_catalog.obj_description(p.oid, 'pg_publication')"),
    ),
    facts_2=facts(
        (
            "columns",
            """(
            select pg_catalog.string_agg(quote_ident(a.attname), ', ' order by a.attnum)
            from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum = any (r.prattrs)
        )""",
        ),
        ("rows", "pg_catalog.pg_get_expr(r.prqual, c.oid)"),
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
left join schemas as n on n.oid = p.pronamespace
left join role_names as o on o.oid = e.evtowner
where %(whole_database)s or n.oid is not null
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

# Without a row of its own a role has the built-in rights on what it makes, and none more in any schema.
DEFAULT_PRIVILEGES = query(
    """
select
    'default privileges',
    'of ' || coalesce(o.name, d.defaclrole::text) || k.objects || coalesce(' in ' || n.name, ''),
    coalesce(o.name, d.defaclrole::text), coalesce(n.name, ''),
    case when n.oid is not null then 'schema' end, n.name,
    $grants,
    'alter default privileges for role ' || coalesce(o.name, d.defaclrole::text)
    || coalesce(' in schema ' || n.name, ''),
    case when d.defaclnamespace = 0 then
        case d.defaclobjtype
            when 'r' then $grants_2
            when 'S' then $grants_3
            when 'f' then $grants_4
            when 'T' then $grants_5
            else $grants_6
        end
    else '{}' end
from pg_catalog.pg_default_acl as d
cross join lateral (
    select case d.defaclobjtype
        when 'r' then ' on tables' when 'S' then ' on sequences' when 'f' then ' on functions'
        when 'T' then ' on types' else ' on schemas'
    end as objects
) as k
left join role_names as o on o.oid = d.defaclrole
left join schemas as n on n.oid = d.defaclnamespace
where case when d.defaclnamespace = 0 then %(whole_database)s else n.oid is not null end
""",
    grants=grants("d.defaclacl", "r", "d.defaclrole"),
    grants_2=grants("null", "r", "d.defaclrole"),
    grants_3=grants("null", "s", "d.defaclrole"),
    grants_4=grants("null", "f", "d.defaclrole"),
    grants_5=grants("null", "T", "d.defaclrole"),
    grants_6=grants("null", "n", "d.defaclrole"),
)

# Whoever owns the database has his rights by that; which role it is, nobody declares, but no client's.
DATABASE = query(
    """
select
    'database', 'itself', quote_ident(d.datname), '', null, null,
    $facts || case when %(whole_database)s then $grants - 'grant to its owner' else '{}' end || coalesce((
        select pg_catalog.jsonb_object_agg(
            'setting ' || pg_catalog.split_part(s.setting, '=', 1),
            pg_catalog.substr(s.setting, pg_catalog.strpos(s.setting, '=') + 1)
        )
        from pg_catalog.pg_db_role_setting as r
        cross join lateral pg_catalog.unnest(r.setconfig) as s (setting)
        where r.setdatabase = d.oid and r.setrole = 0 and %(whole_database)s
    ), '{}'),
    null, '{}'::jsonb
from pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database()
""",
    facts=facts(
        ("owner", f"case when d.datdba::regrole::text in {CLIENTS} then d.datdba::regrole::text end"),
        ("connection limit", "case when %(whole_database)s then nullif(d.datconnlimit, -1)::text end"),
        ("template", "case when %(whole_database)s and d.datistemplate then 'yes' end"),
    ),
    grants=grants("d.datacl", "d", "d.datdba"),
)

QUERIES = (SCHEMAS, EXTENSIONS, PUBLICATIONS, EVENT_TRIGGERS, DEFAULT_PRIVILEGES, DATABASE)
