-- level: error
-- title: A definer routine without a closed search_path
-- why: The caller's search_path decides what its names mean: a table, function or operator of the caller's
--   own is used with the owner's rights. Under an empty one, too: Postgres then looks for tables and types in the
--   session's temporary schema first of all, before pg_catalog, and a domain named uuid runs its check as the owner.
-- remedy: `set search_path = pg_catalog, pg_temp`, temporary things last, and qualify every name.
select r.schema, r.name, null as part, coalesce(
    (select 'has ' || s.setting from pg_catalog.unnest(r.config) as s (setting) where s.setting like 'search_path=%'),
    'has the search_path of its caller'
) as detail
from routines as r
where r.definer
    and r.language not in ('c', 'internal')
    and not coalesce('search_path=pg_catalog, pg_temp' = any (r.config), false)
