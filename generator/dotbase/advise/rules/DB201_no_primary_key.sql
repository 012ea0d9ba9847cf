-- level: warning
-- title: A table without a primary key
-- why: A row cannot be named: it cannot be changed alone, replicated, or kept from being there twice.
-- remedy: `alter table … add constraint <table>_pkey primary key (…)`.
select t.schema, t.name, null as part, 'has no primary key' as detail
from tables as t
where not t.is_partition
    and not exists (select from constraints as c where c.relation = t.oid and c.type = 'p')
