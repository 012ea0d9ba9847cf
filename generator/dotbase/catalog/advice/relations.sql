-- Tables, views and sequences, their columns and partitions; types.

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
            from extension_members as b
            where b.objid = c.oid and b.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        )
),

tables as (
    select r.*
    from relations as r
    where r.kind in ('r', 'p')
),

-- Of every table there is, the platform's and extensions' too.
row_types as (
    select c.reltype as type
    from pg_catalog.pg_class as c
    where c.relkind in ('r', 'p')
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
        a.attidentity as identity,
        a.attacl as acl
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

-- A people's table grows with users: it has user_id, and is none of the declared registries.
peoples_tables as (
    select t.*, c.number as user_id, c.not_null as user_id_not_null
    from tables as t
    inner join columns as c on c.relation = t.oid and c.name = 'user_id'
    where not t.is_partition
        and t.schema || '.' || t.name <> all (:'registries'::text[])
),

-- Which relations a view names, wherever they are.
view_reads as (
    select w.ev_class as view, d.refobjid as relation
    from pg_catalog.pg_rewrite as w
    inner join pg_catalog.pg_depend as d
        on d.objid = w.oid
        and d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
),

-- With the type of the column that owns it.
sequences as (
    select
        s.schema,
        s.name,
        q.last_value,
        q.max_value,
        q.cycle as is_cycle,
        a.atttypid as column_type
    from relations as s
    inner join pg_catalog.pg_sequences as q on q.schemaname = s.schema and q.sequencename = s.name
    left join pg_catalog.pg_depend as d
        on d.objid = s.oid
        and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and d.deptype in ('a', 'i')
    left join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where s.kind = 'S'
),

-- How tables are partitioned, and by which column first; default_partition is 0 where there is none.
partition_keys as (
    select
        k.partrelid as relation,
        k.partstrat as strategy,
        k.partattrs[0] as first_column,
        k.partdefid as default_partition
    from pg_catalog.pg_partitioned_table as k
),

partitions as (
    select i.inhparent as parent, pg_catalog.pg_get_expr(p.relpartbound, p.oid) as bounds
    from pg_catalog.pg_inherits as i
    inner join pg_catalog.pg_class as p on p.oid = i.inhrelid
),

types as (
    select s.schema, t.typname::text as name, t.typtype as kind
    from pg_catalog.pg_type as t
    inner join schemas as s on s.oid = t.typnamespace
    where not exists (
            select
            from extension_members as b
            where b.objid = t.oid and b.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
        )
)
