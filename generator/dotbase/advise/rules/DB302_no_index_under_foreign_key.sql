-- level: warning
-- title: No index under a foreign key
-- why: Each delete or key change in the other table looks at every row of this one, under a lock.
-- remedy: Create an index that begins with the key's columns.
select f.schema, f.relation_name as name, f.name as part, 'has no index under it' as detail
from constraints as f
where f.type = 'f'
    and f.parent = 0
    and not exists (
        select
        from indexes as i
        where i.relation = f.relation
            and i.is_valid
            and i.predicate is null
            and f.key <@ i.key[1:pg_catalog.cardinality(f.key)]
    )
