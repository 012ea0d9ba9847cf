-- level: warning
-- title: No index under a column that a policy filters on
-- why: The condition of a policy is part of every statement on the table: without an index each one looks at
--   every row of everybody.
-- remedy: Create an index that begins with the column.
with filtered as (
    select distinct p.oid, p.relation, p.schema, p.relation_name, p.name as policy, c.name, c.number
    from policies as p
    inner join policy_columns as n on n.policy = p.oid and n.relation = p.relation
    inner join columns as c on c.relation = p.relation and c.number = n.number
    where p.using_text ~ ('(^|[^.\w])' || c.pattern || '\)?(::[a-z ]+)? (=|IN) ')
        or p.using_text ~ (' = ' || c.pattern || '(?!\w)')
)

select f.schema, f.relation_name as name, f.name as part, pg_catalog.format(
    'is filtered on by %s, without an index', pg_catalog.string_agg(f.policy, ', ' order by f.policy)
) as detail
from filtered as f
where not exists (
    select
    from indexes as i
    where i.relation = f.relation
        and i.is_valid
        and i.predicate is null
        -- What stands before it in the index is filtered on, too.
        and i.key[:pg_catalog.array_position(i.key, f.number)]
            <@ array(select o.number from filtered as o where o.oid = f.oid)
)
group by f.schema, f.relation_name, f.name
