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
left join triggers as t on t.routine = r.oid and not t.is_internal and t.parent = 0
cross join lateral :"plpgsql_check".plpgsql_check_function_tb(
    r.oid, coalesce(t.relation, 0), newtable => t.new_table, oldtable => t.old_table, fatal_errors => false,
    other_warnings => false, extra_warnings => false, performance_warnings => false
) as c
where r.language = 'plpgsql'
    and (r.result <> 'trigger'::pg_catalog.regtype or t.oid is not null)
    and r.result <> 'event_trigger'::pg_catalog.regtype
    and c.level = 'error'
