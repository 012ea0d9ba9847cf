-- level: warning
-- title: Row-level security does not hold for the table's owner
-- at: policies
-- why: Everything that runs as the owner passes the policies by, without anybody having decided that it may;
--   forced, only BYPASSRLS passes.
-- remedy: `alter table … force row level security`.
select t.schema, t.name, null as part, 'row-level security is enabled but not forced' as detail
from tables as t
where t.secured and not t.forced
