-- level: info
-- title: An extension is older than what is installed
-- why: The server's files are newer than the objects in the database: fixed faults are not yet fixed here.
-- remedy: `alter extension … update`.
select e.schema, e.name, null as part, pg_catalog.format(
    'is %s, %s is installed', e.version, e.newest_version
) as detail
from extensions as e
where e.version <> e.newest_version
