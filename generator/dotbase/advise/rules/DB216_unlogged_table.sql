-- level: warning
-- title: An unlogged table
-- why: A crash empties it, and no standby has it.
-- remedy: `alter table … set logged`.
select t.schema, t.name, null as part, 'is emptied by a crash' as detail
from tables as t
where t.persistence = 'u'
