-- level: error
-- title: A routine would fail when it is called
-- needs: plpgsql_check
-- only: scratch
-- why: PL/pgSQL is read when it runs: a column that is gone is found by the first caller.
-- remedy: Fix the line that is named.
select
    r.schema,
    r.name,
    null as part,
    pg_catalog.format('line %s: %s', c.lineno, c.message) as detail
from routines as r
left join pg_catalog.pg_trigger as t on t.tgfoid = r.oid and not t.tgisinternal and t.tgparentid = 0
cross join lateral :"plpgsql_check".plpgsql_check_function_tb(
    r.oid, coalesce(t.tgrelid, 0), newtable => t.tgnewtable, oldtable => t.tgoldtable, fatal_errors => false,
    other_warnings => false, extra_warnings => false, performance_warnings => false
) as c
where r.language = 'plpgsql'
    and (r.result <> 'trigger'::pg_catalog.regtype or t.oid is not null)
    and r.result <> 'event_trigger'::pg_catalog.regtype
    and c.level = 'error'
