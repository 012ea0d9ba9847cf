-- level: info
-- title: An index is the beginning of another
-- why: The longer one serves what the shorter one does; it may stay where it is much smaller.
-- remedy: Drop the shorter one, unless it was measured to pay.
select i.schema, i.relation_name as name, i.name as part, 'is the beginning of ' || o.name as detail
from indexes as i
inner join indexes as o
    on o.relation = i.relation
    and o.method = i.method
    and pg_catalog.cardinality(o.key) > pg_catalog.cardinality(i.key)
    and o.key[1:pg_catalog.cardinality(i.key)] = i.key
    and o.options[0:pg_catalog.cardinality(i.key) - 1] = i.options[0:pg_catalog.cardinality(i.key) - 1]
    and o.classes[0:pg_catalog.cardinality(i.key) - 1] = i.classes[0:pg_catalog.cardinality(i.key) - 1]
where not i.is_unique
    and not i.is_partition
    and i.expressions is null and o.expressions is null
    and i.predicate is null and o.predicate is null
    and i.all_columns <@ o.all_columns
