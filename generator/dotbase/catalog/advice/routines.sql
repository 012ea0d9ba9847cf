-- Routines, and their bodies as text.

routines as (
    select
        p.oid,
        s.schema,
        s.exposed,
        p.proname::text as name,
        p.prokind as kind,
        l.lanname::text as language,
        p.prosecdef as definer,
        p.provolatile as volatility,
        p.proconfig as config,
        p.prorettype as result,
        p.proacl as acl,
        p.proowner as owner,
        p.prosqlbody is not null as is_bound,
        coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as source
    from pg_catalog.pg_proc as p
    inner join schemas as s on s.oid = p.pronamespace
    inner join pg_catalog.pg_language as l on l.oid = p.prolang
    where not exists (
        select
        from extension_members as b
        where b.objid = p.oid and b.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    )
),

-- Every routine there is, Postgres's own and extensions' too.
callables as (
    select n.nspname::text as schema, p.proname::text as name, p.provolatile::text as volatility
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
),

-- Bodies as they can be searched: in lower case, without comments, texts and quotes.
bodies as (
    select
        r.oid,
        r.schema,
        r.name,
        r.volatility,
        pg_catalog.lower(pg_catalog.replace(pg_catalog.regexp_replace(
            r.source,
            $re$--[^\n]*|/\*([^*]|\*+[^*/])*\*+/|'([^']|'')*'|\$[a-z_]*\$[^$]*\$[a-z_]*\$$re$,
            ' ',
            'g'
        ), '"', '')) as code
    from routines as r
    where r.language in ('sql', 'plpgsql')
)
