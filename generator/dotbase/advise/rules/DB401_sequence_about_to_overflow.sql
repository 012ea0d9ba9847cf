-- level: warning
-- title: A sequence has used half of its numbers
-- why: At the end every insert fails, and widening the column then rewrites the table under a lock. The end is the
--   sequence's, or that of a narrower column which it fills.
-- remedy: `alter table … alter column … type bigint`, and `alter sequence … as bigint`.
select s.schema, s.name, null as part, pg_catalog.format(
    '%s of %s numbers used', s.last_value, m.maximum
) as detail
from sequences as s
cross join lateral (
    select least(s.max_value, case s.column_type
        when 'int2'::pg_catalog.regtype then 32767
        when 'int4'::pg_catalog.regtype then 2147483647
        else s.max_value
    end) as maximum
) as m
where not s.is_cycle and s.last_value > m.maximum / 2
