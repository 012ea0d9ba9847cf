-- level: warning
-- title: A table, view or schema without a comment
-- why: The comment is what a person who meets it in psql has to go by.
-- remedy: `comment on table … is '…'`.
select r.schema, r.name, null as part, 'has no comment' as detail
from relations as r
where r.kind <> 'S'
    and not r.is_partition
    and not exists (select from comments as c where c.oid = r.oid and c.kind = 'relation')
union all
select s.schema, null, null, 'has no comment'
from schemas as s
where not exists (select from comments as c where c.oid = s.oid and c.kind = 'schema')
