-- level: error
-- title: Clients reach auth.users through a view
-- why: It holds everybody's addresses and metadata.
-- remedy: Keep what people may see of each other in a table of the app's own.
select distinct r.schema, r.name, null as part, 'reads auth.users' as detail
from relations as r
inner join view_reads as v on v.view = r.oid and v.relation = pg_catalog.to_regclass('auth.users')
where r.kind in ('v', 'm') and (r.exposed or exists (select from client_grants as g where g.oid = r.oid))
