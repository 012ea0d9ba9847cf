-- level: warning
-- title: A sequence has used half of its numbers
-- why: At the end every insert fails, and widening the column then rewrites the table under a lock. The end is the
--   sequence's, or that of a narrower column which it fills.
-- remedy: `alter table … alter column … type bigint`, and `alter sequence … as bigint`.
select s.schema, s.name, null as part, pg_catalog.format(
    '%s of %s numbers used', q.last_value, m.maximum
) as detail
from relations as s
inner join pg_catalog.pg_sequences as q on q.schemaname = s.schema and q.sequencename = s.name
left join pg_catalog.pg_depend as d
    on d.objid = s.oid
    and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.deptype in ('a', 'i')
left join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
cross join lateral (
    select least(q.max_value, case a.atttypid
        when 'int2'::pg_catalog.regtype then 32767
        when 'int4'::pg_catalog.regtype then 2147483647
        else q.max_value
    end) as maximum
) as m
where s.kind = 'S' and not q.cycle and q.last_value > m.maximum / 2
