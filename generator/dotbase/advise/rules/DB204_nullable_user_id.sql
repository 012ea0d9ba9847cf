-- level: warning
-- title: user_id may be null
-- why: A row of nobody is seen by no policy for people, and falls out of every key and join.
-- remedy: `alter table … alter column user_id set not null`.
select t.schema, t.name, 'user_id' as part, 'may be null' as detail
from peoples_tables as t
where not t.user_id_not_null
