-- level: warning
-- title: What is made later will be open to clients
-- at: policies
-- why: Default privileges grant before anybody has written a line for the new object.
-- remedy: `alter default privileges … revoke … from …`.
select
    coalesce(s.schema, 'every schema') as schema,
    null as name,
    pg_catalog.format('%s by %s', case d.defaclobjtype
        when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
        when 'T' then 'types' else 'schemas'
    end, pg_catalog.pg_get_userbyid(d.defaclrole)) as part,
    pg_catalog.format(
        '%s will have %s',
        pg_catalog.string_agg(distinct c.role, ', '),
        pg_catalog.string_agg(distinct pg_catalog.lower(a.privilege_type), ', ')
    ) as detail
from pg_catalog.pg_default_acl as d
left join schemas as s on s.oid = d.defaclnamespace
cross join lateral pg_catalog.aclexplode(d.defaclacl) as a
inner join clients as c on c.oid = a.grantee
where (d.defaclnamespace = 0 or s.schema <> 'public')
    -- Every role may use types, as Postgres has it.
    and (d.defaclobjtype <> 'T' or a.grantee <> 0)
group by s.schema, d.defaclobjtype, d.defaclrole
