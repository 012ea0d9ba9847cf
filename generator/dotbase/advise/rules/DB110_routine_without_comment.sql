-- level: warning
-- title: A routine without a comment
-- why: The comment is where callers read what it does, in which units, and how it fails.
-- remedy: `comment on function … is '…'`.
select r.schema, r.name, null as part, 'has no comment' as detail
from routines as r
where not exists (select from comments as c where c.oid = r.oid and c.kind = 'routine')
