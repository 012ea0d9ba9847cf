-- level: warning
-- title: Two indexes are the same
-- why: Both are written at every change; one is never needed.
-- remedy: Drop the one that no constraint needs.
select i.schema, i.relation_name as name, i.name as part, 'is the same as ' || o.name as detail
from indexes as i
inner join indexes as o
    on o.relation = i.relation
    and o.method = i.method
    and o.key = i.key
    and o.all_columns = i.all_columns
    and o.classes = i.classes
    and o.collations = i.collations
    and o.options = i.options
    and o.expressions is not distinct from i.expressions
    and o.predicate is not distinct from i.predicate
where not i.is_partition
    -- Of two, the one is named that can go: not the constraint's, not the unique one, else the one made later.
    and (i.is_constraint, i.is_unique, i.oid::bigint * -1) < (o.is_constraint, o.is_unique, o.oid::bigint * -1)
