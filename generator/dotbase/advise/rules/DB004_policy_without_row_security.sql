-- level: error
-- title: A table has policies, but row-level security is off
-- at: policies
-- why: The policies read as if they protected the table and do nothing.
-- remedy: `alter table … enable row level security; alter table … force row level security`.
select distinct p.schema, p.relation_name as name, null as part, 'row-level security is off' as detail
from policies as p
where not p.secured
