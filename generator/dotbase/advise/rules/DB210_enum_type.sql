-- level: warning
-- title: An enum type
-- why: A value added by `alter type … add value` cannot be used in the same transaction, and none can be removed.
-- remedy: Use text with a named check.
select s.schema, t.typname::text as name, null as part, 'is an enum' as detail
from pg_catalog.pg_type as t
inner join schemas as s on s.oid = t.typnamespace
where t.typtype = 'e'
    and not exists (
        select
        from brought as b
        where b.objid = t.oid and b.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
    )
