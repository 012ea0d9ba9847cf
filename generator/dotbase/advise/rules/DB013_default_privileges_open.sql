-- level: warning
-- title: What is made later will be open to clients
-- at: policies
-- why: Default privileges grant before anybody has written a line for the new object.
-- remedy: `alter default privileges … revoke … from …`.
select
    coalesce(d.schema, 'every schema') as schema,
    null as name,
    pg_catalog.format('%s by %s', case d.kind
        when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
        when 'T' then 'types' else 'schemas'
    end, d.maker) as part,
    pg_catalog.format(
        '%s will have %s',
        pg_catalog.string_agg(distinct c.role, ', '),
        pg_catalog.string_agg(distinct pg_catalog.lower(d.privilege_type), ', ')
    ) as detail
from default_privileges as d
inner join clients as c on c.oid = d.grantee
where d.schema is distinct from 'public'
    -- Every role may use types, as Postgres has it.
    and (d.kind <> 'T' or d.grantee <> 0)
group by d.schema, d.kind, d.maker
