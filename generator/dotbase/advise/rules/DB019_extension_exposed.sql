-- level: warning
-- title: An extension lives in an exposed schema or in public
-- why: Its functions become doors that nobody made, and new versions bring more.
-- remedy: `alter extension … set schema extensions`.
select n.nspname::text as schema, e.extname::text as name, null as part, 'is an extension' as detail
from pg_catalog.pg_extension as e
inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
where n.nspname = 'public' or n.nspname = any (:'exposed'::text[])
