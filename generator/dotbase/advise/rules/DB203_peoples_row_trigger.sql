-- level: warning
-- title: A people's table has a trigger for each row
-- why: Its cost is paid a row where work is done a million rows at a time, and a distributed table has none.
-- remedy: Make it a trigger for each statement with a transition table, or do it in the routine.
select t.schema, t.name, g.name as part, 'is for each row' as detail
from peoples_tables as t
inner join triggers as g on g.relation = t.oid
where not g.is_internal and g.for_each_row
