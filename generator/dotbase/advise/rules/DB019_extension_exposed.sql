-- level: warning
-- title: An extension lives in an exposed schema or in public
-- why: Its functions become RPCs that nobody made, and new versions bring more.
-- remedy: `alter extension … set schema extensions`.
select distinct r.schema, r.extension as name, null as part, 'has its routines here' as detail
from extension_routines as r
where r.schema = 'public' or r.schema = any (:'exposed'::text[])
