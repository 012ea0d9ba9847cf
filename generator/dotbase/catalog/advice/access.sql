-- Who may do what: grants to clients, default privileges, policies.

-- Who of the clients has which privilege on a relation or on some of its columns.
client_grants as (
    select r.oid, a.grantee, a.privilege_type, 0::smallint as column_number
    from relations as r
    cross join lateral pg_catalog.aclexplode(r.acl) as a
    where a.grantee in (select c.oid from clients as c)
    union all
    select r.oid, a.grantee, a.privilege_type, t.attnum
    from relations as r
    inner join pg_catalog.pg_attribute as t on t.attrelid = r.oid and t.attacl is not null
    cross join lateral pg_catalog.aclexplode(t.attacl) as a
    where a.grantee in (select c.oid from clients as c)
),

-- What is granted on whatever is made later; without a schema, in every one.
default_privileges as (
    select
        s.schema,
        d.defaclobjtype as kind,
        pg_catalog.pg_get_userbyid(d.defaclrole) as maker,
        a.grantee,
        a.privilege_type
    from pg_catalog.pg_default_acl as d
    left join schemas as s on s.oid = d.defaclnamespace
    cross join lateral pg_catalog.aclexplode(d.defaclacl) as a
    where d.defaclnamespace = 0 or s.oid is not null
),

policies as (
    select
        p.oid,
        p.polrelid as relation,
        t.schema,
        t.name as relation_name,
        t.secured,
        p.polname::text as name,
        p.polcmd as command,
        p.polpermissive as permissive,
        p.polroles as roles,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_text,
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_text
    from pg_catalog.pg_policy as p
    inner join tables as t on t.oid = p.polrelid
),

-- The columns of its own table that a policy names.
policy_columns as (
    select d.objid as policy, d.refobjid as relation, d.refobjsubid as number
    from pg_catalog.pg_depend as d
    where d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
