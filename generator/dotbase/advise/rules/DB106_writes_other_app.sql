-- level: error
-- title: A routine writes another app's table
-- why: Only an app's own routines write its tables: its rules stand in them, and are gone round otherwise.
--   Found in the text of the body, where names are qualified; what `execute` runs is not seen.
-- remedy: Call a routine of that app.
select distinct
    b.schema,
    b.name,
    null as part,
    pg_catalog.format('writes %s.%s', t.schema, t.name) as detail
from bodies as b
cross join lateral pg_catalog.regexp_matches(
    b.code, '\m(?:insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?)\s+(?:only\s+)?(\w+)\s*\.\s*(\w+)', 'g'
) as m (written)
inner join relations as t on t.schema = m.written[1] and t.name = m.written[2]
where t.schema <> b.schema
