-- level: warning
-- title: A trigger is switched off
-- why: What it guards is not guarded, and nothing else says so.
-- remedy: `alter table … enable trigger …`, or drop it.
select t.schema, t.name, g.tgname::text as part,
    case g.tgenabled when 'D' then 'is disabled' else 'fires on a replica only' end as detail
from tables as t
inner join pg_catalog.pg_trigger as g on g.tgrelid = t.oid
where g.tgenabled in ('D', 'R')
