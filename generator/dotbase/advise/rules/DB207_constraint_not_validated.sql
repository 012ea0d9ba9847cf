-- level: warning
-- title: A constraint was never validated
-- why: It holds for new rows only: the planner and readers may not rely on it.
-- remedy: `alter table … validate constraint …`.
select c.schema, c.relation_name as name, c.name as part, 'holds for new rows only' as detail
from constraints as c
where not c.validated
