-- level: warning
-- title: A foreign key does not say what deleting does
-- why: NO ACTION is what nobody chose: a clean-up fails on the first row that is referred to.
-- remedy: State `on delete restrict`, `cascade` or `set null`.
select c.schema, c.relation_name as name, c.name as part, 'has no on delete' as detail
from constraints as c
where c.type = 'f' and c.on_delete = 'a' and c.parent = 0
