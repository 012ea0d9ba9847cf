-- level: warning
-- title: A routine without a comment
-- why: The comment is where callers read what it does, in which units, and how it fails.
-- remedy: `comment on function … is '…'`.
select r.schema, r.name, null as part, 'has no comment' as detail
from routines as r
where pg_catalog.obj_description(r.oid, 'pg_proc') is null
