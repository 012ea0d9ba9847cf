-- level: error
-- title: A table that clients reach has no row-level security
-- at: policies
-- why: Whoever holds a privilege on it reads or writes every row of everybody.
-- remedy: Give the table its line in `policies/<app>.yaml`; `[]` closes it.
select
    t.schema,
    t.name,
    null as part,
    case when t.exposed then 'is in an exposed schema' else 'is granted to clients' end
    || ' and has no row-level security' as detail
from tables as t
where not t.secured
    and (t.exposed or exists (select from client_grants as g where g.oid = t.oid))
