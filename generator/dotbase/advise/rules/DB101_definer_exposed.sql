-- level: error
-- title: A definer routine is in an exposed schema
-- why: Clients call it directly and it runs with its owner's rights, past row-level security.
-- remedy: Move it to its app's schema, let it check its caller, and list it under `rpcs:`.
select r.schema, r.name, null as part, 'is SECURITY DEFINER' as detail
from routines as r
where r.definer and r.exposed
