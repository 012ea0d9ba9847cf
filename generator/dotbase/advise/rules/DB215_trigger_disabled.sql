-- level: warning
-- title: A trigger is switched off
-- why: What it guards is not guarded, and nothing else says so.
-- remedy: `alter table … enable trigger …`, or drop it.
select t.schema, t.name, g.name as part,
    case g.enabled when 'D' then 'is disabled' else 'fires on a replica only' end as detail
from tables as t
inner join triggers as g on g.relation = t.oid
where g.enabled in ('D', 'R')
