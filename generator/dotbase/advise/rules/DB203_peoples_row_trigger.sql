-- level: warning
-- title: A people's table has a trigger for each row
-- why: Its cost is paid a row where work is done a million rows at a time, and a distributed table has none.
-- remedy: Make it a trigger for each statement with a transition table, or do it in the routine.
select t.schema, t.name, g.tgname::text as part, 'is for each row' as detail
from peoples_tables as t
inner join pg_catalog.pg_trigger as g on g.tgrelid = t.oid
where not g.tgisinternal and g.tgtype & 1 = 1
