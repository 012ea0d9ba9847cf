-- level: error
-- title: Clients reach a materialized view
-- why: It was filled as its owner and has no row-level security: everybody sees all of it.
-- remedy: Take the grant away and move it out of the exposed schema; show it through an RPC.
select r.schema, r.name, null as part, 'has no row-level security and cannot have it' as detail
from relations as r
where r.kind = 'm' and (r.exposed or exists (select from client_grants as g where g.oid = r.oid))
