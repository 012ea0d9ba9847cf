-- level: warning
-- title: People's tables refer to each other without user_id
-- why: The reference may point to another person's row, and crosses nodes in a distributed database.
-- remedy: Include user_id in the foreign key and in the key that it refers to.
select f.schema, f.relation_name as name, f.name as part, pg_catalog.format(
    'refers to %s.%s without user_id', o.schema, o.name
) as detail
from constraints as f
inner join peoples_tables as t on t.oid = f.relation
inner join peoples_tables as o on o.oid = f.target
where f.type = 'f' and t.user_id <> all (f.key)
