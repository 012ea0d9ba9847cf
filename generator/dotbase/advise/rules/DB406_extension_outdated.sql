-- level: info
-- title: An extension is older than what is installed
-- why: The server's files are newer than the objects in the database: fixed faults are not yet fixed here.
-- remedy: `alter extension … update`.
select n.nspname::text as schema, e.extname::text as name, null as part, pg_catalog.format(
    'is %s, %s is installed', e.extversion, a.default_version
) as detail
from pg_catalog.pg_extension as e
inner join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
inner join pg_catalog.pg_available_extensions as a on a.name = e.extname
where e.extversion <> a.default_version
