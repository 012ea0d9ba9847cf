-- level: error
-- title: A constraint can be deferred
-- why: Deferred constraints fire after the RPC has ended, where nothing turns them into the client's error.
-- remedy: Make it not deferrable, and order the writes.
select c.schema, c.relation_name as name, c.name as part, 'is deferrable' as detail
from constraints as c
where c.is_deferrable
