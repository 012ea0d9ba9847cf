-- level: info
-- title: Row-level security without a policy
-- at: policies
-- why: Nobody gets a row, which may be meant; one permissive policy made by hand would open the table.
-- remedy: Write `<table>: []` in `policies/<app>.yaml`: that makes a restrictive policy for nobody.
select t.schema, t.name, null as part, 'lets nobody in, but no policy says so' as detail
from tables as t
where t.secured and not exists (select from policies as p where p.relation = t.oid)
