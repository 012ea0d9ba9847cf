-- level: error
-- title: An index is invalid
-- why: A concurrent build failed half-way: the index is written and never read; a unique one guards nothing.
-- remedy: `reindex index concurrently …`, or drop it.
select i.schema, i.relation_name as name, i.name as part, 'is not valid' as detail
from indexes as i
where not i.is_valid
