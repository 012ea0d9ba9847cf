-- level: warning
-- title: A constraint that nobody named
-- why: Constraint names reach people: in errors.yaml, in messages, in the next migration. Postgres's own say which
--   table and that it is a check, not what holds.
-- remedy: `alter table … rename constraint … to <table>_<what holds>`.
select c.schema, c.relation_name as name, c.name as part, 'has the name that Postgres gave it' as detail
from constraints as c
where not c.is_partition
    and c.parent = 0
    and (
        (c.type = 'c' and (
            pg_catalog.regexp_replace(c.name, '[0-9]+$', '') = c.relation_name || '_check'
            or exists (
                select
                from columns as k
                where k.relation = c.relation
                    and pg_catalog.regexp_replace(c.name, '[0-9]+$', '')
                    = c.relation_name || '_' || k.name || '_check'
            )
        ))
        or (c.type in ('p', 'u', 'f', 'x') and c.name ~ '_(pkey|key|fkey|excl)[0-9]+$')
    )
