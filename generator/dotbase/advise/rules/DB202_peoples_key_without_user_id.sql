-- level: error
-- title: A key of a people's table lacks user_id
-- why: A table that grows with users can be distributed by user only when each of its keys has user_id. What is
--   unique across users lives in a small registry, listed under `registries:` in advise.yaml with its reason.
-- remedy: Put user_id into the key, or make the table a registry.
select t.schema, t.name, i.name as part, pg_catalog.format(
    '%s without user_id', case when i.is_primary then 'primary key' else 'unique key' end
) as detail
from peoples_tables as t
inner join indexes as i on i.relation = t.oid and i.is_unique
where t.user_id <> all (i.key)
