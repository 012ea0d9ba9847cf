-- What stands on tables: constraints, indexes, triggers.

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

triggers as (
    select
        g.oid,
        g.tgrelid as relation,
        g.tgname::text as name,
        g.tgfoid as routine,
        g.tgtype & 1 = 1 as for_each_row,
        g.tgenabled as enabled,
        g.tgisinternal as is_internal,
        g.tgparentid as parent,
        g.tgoldtable as old_table,
        g.tgnewtable as new_table
    from pg_catalog.pg_trigger as g
)
