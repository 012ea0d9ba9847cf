-- level: warning
-- title: The newest value has no partition
-- why: A table that is partitioned by value, as tickets by round, refuses rows of a value without a partition.
--   Which column's newest value must have one stands under `partitions:` in advise.yaml.
-- remedy: Make the partition where the value is made.
select t.schema, t.name, null as part, pg_catalog.format(
    '%s has %s, which no partition takes', w.source, v.newest
) as detail
from tables as t
inner join pg_catalog.jsonb_each_text(:'partitions'::jsonb) as w (parent, source)
    on w.parent = t.schema || '.' || t.name
inner join columns as c on c.schema || '.' || c.relation_name || '.' || c.name = w.source
cross join lateral (
    select case when pg_catalog.has_column_privilege(c.relation, c.number, 'SELECT') then (pg_catalog.xpath(
        '//newest/text()',
        pg_catalog.query_to_xml(
            pg_catalog.format('select pg_catalog.max(%I) as newest from %I.%I', c.name, c.schema, c.relation_name),
            false, false, ''
        )
    ))[1]::text end as newest
) as v
where v.newest is not null
    and not exists (
        select
        from partitions as p
        where p.parent = t.oid
            and (
                p.bounds = 'DEFAULT'
                or pg_catalog.replace(p.bounds, '''', '')
                    ~ ('[( ]' || pg_catalog.regexp_replace(pg_catalog.replace(v.newest, '''', ''), '(\W)', '\\\1', 'g') || '[,)]')
            )
    )
