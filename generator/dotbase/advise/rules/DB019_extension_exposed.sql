-- level: warning
-- title: An extension lives in an exposed schema or in public
-- why: Its functions become RPCs that nobody made, and new versions bring more.
-- remedy: `alter extension … set schema extensions`.
select distinct n.nspname::text as schema, e.extname::text as name, null as part, 'has its routines here' as detail
from pg_catalog.pg_extension as e
inner join pg_catalog.pg_depend as d
    on d.refobjid = e.oid
    and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    and d.deptype = 'e'
inner join pg_catalog.pg_proc as p on p.oid = d.objid
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname = 'public' or n.nspname = any (:'exposed'::text[])
