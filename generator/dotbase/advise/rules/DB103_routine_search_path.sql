-- level: warning
-- title: A routine without a closed search_path
-- why: What its names mean depends on who calls it. Two kinds are let be, each listed with its reason:
--   procedures that commit, which may set nothing, and helpers of one bound expression on hot paths, which a
--   SET would keep from being inlined.
-- remedy: `set search_path = pg_catalog, pg_temp`, temporary things last, and qualify every name.
select r.schema, r.name, null as part, coalesce(
    (select 'has ' || s.setting from pg_catalog.unnest(r.config) as s (setting) where s.setting like 'search_path=%'),
    'has the search_path of its caller'
) as detail
from routines as r
where not r.definer
    and r.language not in ('c', 'internal')
    and not coalesce('search_path=pg_catalog, pg_temp' = any (r.config), false)
