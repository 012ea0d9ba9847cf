-- level: warning
-- title: Autovacuum is switched off for a table
-- why: Dead rows stay, statistics grow stale, and in the end the whole server stops to keep its transaction ids.
-- remedy: `alter table … reset (autovacuum_enabled)`.
select t.schema, t.name, null as part, 'is never vacuumed' as detail
from tables as t
cross join lateral pg_catalog.pg_options_to_table(t.options) as o
where o.option_name = 'autovacuum_enabled' and not o.option_value::boolean
