-- level: warning
-- title: A moment without its zone
-- why: `timestamp` means another moment in each session's zone, and `timetz` no moment at all.
-- remedy: Use timestamptz; for a business day, date.
select c.schema, c.relation_name as name, c.name as part, 'is ' || c.type_name as detail
from stored_columns as c
where c.type in ('timestamp'::pg_catalog.regtype, 'timetz'::pg_catalog.regtype)
