-- level: warning
-- title: The last partition ends soon
-- why: When it has ended, inserts fail or fall into the default partition. A table that has no partition yet was
--   never used, and one with a default partition loses nothing.
-- remedy: Make partitions ahead; see why the job that does so has not run.
with bounds as (
    select
        t.oid,
        t.schema,
        t.name,
        pg_catalog.max((pg_catalog.regexp_match(
            p.bounds, $$TO \('([^']+)'[,)]$$
        ))[1]::timestamptz) as ends_at
    from tables as t
    inner join partition_keys as k on k.relation = t.oid and k.strategy = 'r'
    inner join columns as c
        on c.relation = t.oid
        and c.number = k.first_column
        and c.type in (
            'date'::pg_catalog.regtype, 'timestamptz'::pg_catalog.regtype, 'timestamp'::pg_catalog.regtype
        )
    inner join partitions as p on p.parent = t.oid
    where k.default_partition = 0
    group by t.oid, t.schema, t.name
    having not pg_catalog.bool_or(p.bounds like '%TO (MAXVALUE)%')
)

select b.schema, b.name, null as part, pg_catalog.format(
    'the last partition ends on %s, within a week', b.ends_at::date
) as detail
from bounds as b
where b.ends_at < pg_catalog.now() + interval '7 days'
