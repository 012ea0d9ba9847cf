-- level: error
-- title: A definer routine without an empty search_path
-- why: The caller's search_path decides what its names mean: a table, function or operator of the caller's
--   own is used with the owner's rights.
-- remedy: `set search_path = ''`, and qualify every name.
select r.schema, r.name, null as part, coalesce(
    (select 'has ' || s.setting from pg_catalog.unnest(r.config) as s (setting) where s.setting like 'search_path=%'),
    'has the search_path of its caller'
) as detail
from routines as r
where r.definer
    and r.language not in ('c', 'internal')
    and not coalesce('search_path=""' = any (r.config), false)
