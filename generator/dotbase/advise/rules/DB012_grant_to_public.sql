-- level: error
-- title: PUBLIC holds a privilege
-- at: policies
-- why: PUBLIC is every role there is and every role to come; what is not stated is denied.
-- remedy: `revoke … from public`, and grant to the roles that need it in `policies/<app>.yaml`.
select o.schema, o.name, null as part, pg_catalog.format(
    'PUBLIC has %s', pg_catalog.string_agg(distinct pg_catalog.lower(a.privilege_type), ', ')
) as detail
from (
    select r.schema, r.name, coalesce(r.acl, pg_catalog.acldefault('f', r.owner)) as acl
    from routines as r
    union all
    select r.schema, r.name, r.acl
    from relations as r
    union all
    select c.schema, c.relation_name, c.acl
    from columns as c
    union all
    -- USAGE on schema public is Postgres's own.
    select s.schema, null, s.acl
    from schemas as s
    where s.schema <> 'public'
) as o
cross join lateral pg_catalog.aclexplode(o.acl) as a
where a.grantee = 0
group by o.schema, o.name
