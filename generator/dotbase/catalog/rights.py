"""The one query that reads every right of the apps' schemas, beside their owner's own."""

RIGHTS = """
with spaces as (
    select n.oid, n.nspname::text as name, n.nspacl, n.nspowner, n.nspname = any (%(apps)s) as of_apps
    from pg_catalog.pg_namespace as n
    where n.nspname = any (%(schemas)s)
),
owner as (
    select r.oid from pg_catalog.pg_roles as r where r.rolname = %(owner)s
),
relations as (
    select c.*, s.name as schema, s.of_apps,
        case
            when c.relkind in ('v', 'm') then 'view' when c.relkind = 'S' then 'sequence' else 'table'
        end as kind,
        pg_catalog.format('%%I.%%I', s.name, c.relname) as shown
    from pg_catalog.pg_class as c
    inner join spaces as s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
),
rights (kind, schema, name, oid, part, grantee, privilege, grantable, owner) as (
    select 'schema', s.name, s.name, s.oid, null::name, a.grantee,
        a.privilege_type, a.is_grantable, s.nspowner
    from spaces as s
    cross join lateral pg_catalog.aclexplode(s.nspacl) as a
    union all
    select r.kind, r.schema, r.relname::text, r.oid, null, a.grantee,
        a.privilege_type, a.is_grantable, r.relowner
    from relations as r
    cross join lateral pg_catalog.aclexplode(r.relacl) as a
    union all
    select r.kind, r.schema, r.relname::text, r.oid, t.attname, a.grantee,
        a.privilege_type, a.is_grantable, r.relowner
    from relations as r
    inner join pg_catalog.pg_attribute as t on t.attrelid = r.oid and t.attacl is not null
    cross join lateral pg_catalog.aclexplode(t.attacl) as a
    where not t.attisdropped
    union all
    select 'routine', s.name, p.proname::text, p.oid, null, a.grantee,
        a.privilege_type, a.is_grantable, p.proowner
    from pg_catalog.pg_proc as p
    inner join spaces as s on s.oid = p.pronamespace
    cross join lateral pg_catalog.aclexplode(
        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    ) as a
    -- By their index: the three thousand that come with Postgres are not looked at.
    where p.oid >= 16384
    union all
    -- Every role may use types, as Postgres has it.
    select 'type', s.name, y.typname::text, y.oid, null, a.grantee,
        a.privilege_type, a.is_grantable, y.typowner
    from pg_catalog.pg_type as y
    inner join spaces as s on s.oid = y.typnamespace
    cross join lateral pg_catalog.aclexplode(y.typacl) as a
    where a.grantee <> 0
)
select 'right' as what, g.kind, g.schema, g.name,
    case g.kind
        when 'routine' then pg_catalog.format(
            '%%I.%%I(%%s)', g.schema, g.name, pg_catalog.pg_get_function_identity_arguments(g.oid)
        )
        when 'schema' then pg_catalog.quote_ident(g.schema)
        else pg_catalog.format('%%I.%%I', g.schema, g.name)
    end as shown,
    g.part::text as part,
    case g.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(g.grantee)::text end as role,
    pg_catalog.lower(g.privilege) || case when g.grantable then ' with grant option' else '' end as privilege,
    null::jsonb as facts
from rights as g
where g.grantee not in (g.owner, (select o.oid from owner as o))
union all
select 'owner', x.kind, x.schema, x.name, case x.kind
        when 'routine' then pg_catalog.format(
            '%%I.%%I(%%s)', x.schema, x.name, pg_catalog.pg_get_function_identity_arguments(x.oid)
        )
        when 'schema' then pg_catalog.quote_ident(x.schema)
        else pg_catalog.format('%%I.%%I', x.schema, x.name)
    end,
    null, pg_catalog.pg_get_userbyid(x.owner)::text, '', null
from (
    select 'schema', s.name, s.name, s.oid, s.nspowner
    from spaces as s
    where s.of_apps
    union all
    select r.kind, r.schema, r.relname::text, r.oid, r.relowner
    from relations as r
    where r.of_apps
    union all
    select 'routine', s.name, p.proname::text, p.oid, p.proowner
    from pg_catalog.pg_proc as p
    inner join spaces as s on s.oid = p.pronamespace and s.of_apps
    where p.oid >= 16384
    union all
    select 'type', s.name, y.typname::text, y.oid, y.typowner
    from pg_catalog.pg_type as y
    inner join spaces as s on s.oid = y.typnamespace and s.of_apps
    where y.typtype in ('c', 'd', 'e', 'r')
        and not exists (
            select from pg_catalog.pg_class as c where c.oid = y.typrelid and c.relkind <> 'c'
        )
) as x (kind, schema, name, oid, owner)
where x.owner <> (select o.oid from owner as o)
union all
-- A partition is reached through its parent alone; one that direct access is denied to stays so.
select 'security', 'table', r.schema, r.relname::text, r.shown, null, '',
    case when r.relrowsecurity then 'forced' else 'enabled' end, null
from relations as r
where r.of_apps and r.relkind in ('r', 'p') and not (r.relrowsecurity and r.relforcerowsecurity)
    and (
        not r.relispartition
        or exists (select from pg_catalog.pg_policy as p where p.polrelid = r.oid)
    )
union all
select 'policy', 'table', r.schema, r.relname::text, r.shown, null, '', p.polname::text,
    pg_catalog.jsonb_build_array(
        p.polpermissive, p.polcmd,
        array(
            select case o when 0 then 'public' else pg_catalog.pg_get_userbyid(o)::text end
            from pg_catalog.unnest(p.polroles) as o
        ),
        pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    )
from pg_catalog.pg_policy as p
inner join relations as r on r.oid = p.polrelid and r.of_apps
-- The policy that denies direct access to a partition can only narrow.
where not (r.relispartition and p.polname = 'nobody' and not p.polpermissive)
union all
select 'default', 'schema', coalesce(s.name, ''), coalesce(s.name, ''),
    case d.defaclobjtype
        when 'r' then 'the tables' when 'S' then 'the sequences' when 'f' then 'the routines'
        when 'T' then 'the types' else 'the schemas'
    end || coalesce(' of ' || pg_catalog.quote_ident(s.name), '') || ' by '
        || pg_catalog.pg_get_userbyid(d.defaclrole),
    null,
    case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee)::text end,
    pg_catalog.lower(a.privilege_type), null
from pg_catalog.pg_default_acl as d
left join spaces as s on s.oid = d.defaclnamespace
cross join lateral pg_catalog.aclexplode(d.defaclacl) as a
where a.grantee <> d.defaclrole
    and (s.oid is not null or (d.defaclnamespace = 0 and d.defaclrole = (select o.oid from owner as o)))
    and not (d.defaclobjtype = 'T' and a.grantee = 0)
union all
select 'member', 'role', '', %(owner)s, %(owner)s, null, r.rolname::text, '', null
from pg_catalog.pg_auth_members as m
inner join pg_catalog.pg_roles as r on r.oid = m.member
where m.roleid = (select o.oid from owner as o)
    and r.rolname in ('anon', 'authenticated', 'service_role', 'authenticator')
order by 1 desc, 3, 4, 5, 7, 6, 8
"""
