-- level: warning
-- title: A routine says that it is steadier than it is
-- why: PostgREST runs STABLE functions read-only and the planner calls them fewer times than written: a write
--   fails or is left out, and an index on an expression that is not immutable is wrong.
--   Found in the text of the body: writes, and calls of routines that say less. What `execute` runs is not seen.
-- remedy: Mark the routine as what it does: volatile when it writes, stable when it reads.
with named as (
    select
        b.oid,
        b.schema,
        b.name,
        b.volatility,
        coalesce(nullif(m.called[1], ''), 'pg_catalog') as called_schema,
        m.called[2] as called_name
    from bodies as b
    cross join lateral pg_catalog.regexp_matches(b.code, '(?:(\w+)\s*\.\s*)?(\w+)\s*\(', 'g') as m (called)
    where b.volatility <> 'v'
),

-- Of several with one name, the steadiest: nobody is accused of what is not certain.
called as (
    select p.schema, p.name, pg_catalog.min(p.volatility) as volatility
    from callables as p
    where p.name in (select c.called_name from named as c)
    group by p.schema, p.name
)

select distinct
    n.schema,
    n.name,
    null as part,
    pg_catalog.format(
        'is %s and calls %s.%s, which is %s',
        case n.volatility when 'i' then 'immutable' else 'stable' end,
        c.schema, c.name,
        case c.volatility when 'v' then 'volatile' else 'stable' end
    ) as detail
from named as n
inner join called as c on c.schema = n.called_schema and c.name = n.called_name
where c.volatility = 'v'
    -- Postgres calls much stable that depends on a type's output or on a setting alone.
    or (n.volatility = 'i' and c.volatility = 's' and c.schema <> 'pg_catalog')
    or (n.volatility = 'i' and c.schema = 'pg_catalog' and c.name in ('now', 'current_setting', 'to_regclass'))
union all
select
    b.schema,
    b.name,
    null,
    pg_catalog.format(
        'is %s and writes: %s', case b.volatility when 'i' then 'immutable' else 'stable' end, m.found[1]
    )
from bodies as b
cross join lateral pg_catalog.regexp_match(
    b.code, '\m(insert\s+into|update\s+(?:only\s+)?[\w.]+\s+(?:as\s+)?(?:\w+\s+)?set|delete\s+from|merge\s+into|truncate)\M'
) as m (found)
where b.volatility <> 'v' and m.found is not null
