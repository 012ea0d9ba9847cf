-- What the rules read: the catalogs, narrowed to the schemas looked at and without what extensions brought.
-- Every rule is run as `with <this> select … from (<the rule>)`; what a rule does not name costs nothing.
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

-- Whom row-level security is for; 0 is PUBLIC.
clients as (
    select r.oid, r.rolname::text as role
    from pg_catalog.pg_roles as r
    where r.rolname in ('anon', 'authenticated')
    union all
    select 0::oid, 'PUBLIC'
),

brought as (
    select d.classid, d.objid
    from pg_catalog.pg_depend as d
    where d.deptype = 'e'
),

relations as (
    select
        c.oid,
        s.schema,
        c.relname::text as name,
        c.relkind as kind,
        s.exposed,
        c.relispartition as is_partition,
        c.relrowsecurity as secured,
        c.relforcerowsecurity as forced,
        c.relpersistence as persistence,
        c.relacl as acl,
        c.relowner as owner,
        c.reloptions as options,
        c.reltype as row_type
    from pg_catalog.pg_class as c
    inner join schemas as s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
        and not exists (
            select
            from brought as b
            where b.objid = c.oid and b.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        )
),

tables as (
    select r.*
    from relations as r
    where r.kind in ('r', 'p')
),

-- Who of the clients has which privilege on a relation or on some of its columns.
client_grants as (
    select r.oid, a.grantee, a.privilege_type, 0::smallint as column_number
    from relations as r
    cross join lateral pg_catalog.aclexplode(r.acl) as a
    where a.grantee in (select c.oid from clients as c)
    union all
    select r.oid, a.grantee, a.privilege_type, t.attnum
    from relations as r
    inner join pg_catalog.pg_attribute as t on t.attrelid = r.oid and t.attacl is not null
    cross join lateral pg_catalog.aclexplode(t.attacl) as a
    where a.grantee in (select c.oid from clients as c)
),

columns as (
    select
        a.attrelid as relation,
        r.schema,
        r.name as relation_name,
        r.kind,
        r.is_partition,
        a.attnum as number,
        a.attname::text as name,
        -- As a regular expression, in quotes or without.
        '"?' || pg_catalog.regexp_replace(a.attname, '(\W)', '\\\1', 'g') || '"?' as pattern,
        a.atttypid as type,
        pg_catalog.format_type(a.atttypid, a.atttypmod) as type_name,
        a.attnotnull as not_null,
        a.attidentity as identity
    from pg_catalog.pg_attribute as a
    inner join relations as r on r.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped and r.kind <> 'S'
),

-- Of tables, each once: not of views, and not again of partitions.
stored_columns as (
    select c.*
    from columns as c
    where c.kind in ('r', 'p', 'f') and not c.is_partition
),

constraints as (
    select
        o.oid,
        t.oid as relation,
        t.schema,
        t.name as relation_name,
        t.is_partition,
        o.conname::text as name,
        o.contype as type,
        o.conkey as key,
        o.confrelid as target,
        o.confkey as target_key,
        o.confdeltype as on_delete,
        o.convalidated as validated,
        o.condeferrable as is_deferrable,
        o.conparentid as parent
    from pg_catalog.pg_constraint as o
    inner join tables as t on t.oid = o.conrelid
),

indexes as (
    select
        i.indexrelid as oid,
        i.indrelid as relation,
        t.schema,
        t.name as relation_name,
        t.is_partition,
        c.relname::text as name,
        c.relam as method,
        i.indisunique as is_unique,
        i.indisprimary as is_primary,
        i.indisvalid and i.indisready as is_valid,
        -- Columns in order, without the ones that are only included; 0 is an expression.
        (i.indkey::smallint[])[0:i.indnkeyatts - 1] as key,
        i.indkey::smallint[] as all_columns,
        i.indclass::oid[] as classes,
        i.indcollation::oid[] as collations,
        i.indoption::smallint[] as options,
        i.indnullsnotdistinct as nulls_not_distinct,
        pg_catalog.pg_get_expr(i.indexprs, i.indrelid) as expressions,
        pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate,
        exists (
            select
            from pg_catalog.pg_constraint as o
            where o.conindid = i.indexrelid and o.contype in ('p', 'u', 'x')
        ) as is_constraint
    from pg_catalog.pg_index as i
    inner join tables as t on t.oid = i.indrelid
    inner join pg_catalog.pg_class as c on c.oid = i.indexrelid
),

-- A people's table grows with users: it has user_id, and is none of the declared registries.
peoples_tables as (
    select t.*, c.number as user_id, c.not_null as user_id_not_null
    from tables as t
    inner join columns as c on c.relation = t.oid and c.name = 'user_id'
    where not t.is_partition
        and t.schema || '.' || t.name <> all (:'registries'::text[])
),

policies as (
    select
        p.oid,
        p.polrelid as relation,
        t.schema,
        t.name as relation_name,
        t.secured,
        p.polname::text as name,
        p.polcmd as command,
        p.polpermissive as permissive,
        p.polroles as roles,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_text,
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_text
    from pg_catalog.pg_policy as p
    inner join tables as t on t.oid = p.polrelid
),

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
        from brought as b
        where b.objid = p.oid and b.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    )
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
