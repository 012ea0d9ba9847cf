-- level: error
-- title: An RPC returns the row of a table
-- why: Every column that the table gets later is shown to clients, without anybody having decided it.
-- remedy: Return a row type of the exposed schema with the columns that clients may see.
select r.schema, r.name, null as part, 'returns ' || pg_catalog.format_type(r.result, null) as detail
from routines as r
inner join row_types as t on t.type = r.result
where r.exposed
