-- Schemas, roles, extensions; comments.

schemas as (
    select
        n.oid,
        n.nspname::text as schema,
        n.nspname = any (:'exposed'::text[]) as exposed,
        n.nspacl as acl,
        n.nspowner as owner
    from pg_catalog.pg_namespace as n
    where n.nspname = any (:'schemas'::text[])
),

roles as (
    select r.oid, r.rolname::text as name, r.rolsuper as superuser
    from pg_catalog.pg_roles as r
),

-- Whom row-level security is for; 0 is PUBLIC.
clients as (
    select r.oid, r.rolname::text as role
    from pg_catalog.pg_roles as r
    where r.rolname in ('anon', 'authenticated')
    union all
    select 0::oid, 'PUBLIC'
),

-- What is of an extension, and not of whoever made the schema.
extension_members as (
    select d.classid, d.objid
    from pg_catalog.pg_depend as d
    where d.deptype = 'e'
),

extensions as (
    select
        e.extname::text as name,
        n.nspname::text as schema,
        e.extversion as version,
        (
            select a.default_version
            from pg_catalog.pg_available_extensions as a
            where a.name = e.extname
        ) as newest_version
    from pg_catalog.pg_extension as e
    inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
),

-- Which schemas, relations and routines have one.
comments as (
    select
        d.objoid as oid,
        case d.classoid
            when 'pg_catalog.pg_namespace'::pg_catalog.regclass then 'schema'
            when 'pg_catalog.pg_class'::pg_catalog.regclass then 'relation'
            when 'pg_catalog.pg_proc'::pg_catalog.regclass then 'routine'
        end as kind
    from pg_catalog.pg_description as d
    where d.objsubid = 0
),

-- In whatever schema they are: that need not be the extension's.
extension_routines as (
    select e.extname::text as extension, n.nspname::text as schema
    from pg_catalog.pg_extension as e
    inner join pg_catalog.pg_depend as d
        on d.refobjid = e.oid
        and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        and d.deptype = 'e'
    inner join pg_catalog.pg_proc as p on p.oid = d.objid
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
)
