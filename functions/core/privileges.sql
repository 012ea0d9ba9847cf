-- Privileges: rights that Postgres, an earlier text or a person gave are revoked, so that policies/<app>.yaml
-- alone says who may do what; and what it lets nobody into is denied to all clients.
create or replace function core.revoke_public_execute(app text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_routine regprocedure;
begin
    for v_routine in
        select p.oid::regprocedure
        from pg_catalog.pg_proc as p
        cross join lateral pg_catalog.aclexplode(
            coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
        ) as a
        where p.pronamespace in (
            select n.oid
            from pg_catalog.pg_namespace as n
            where n.nspname in (revoke_public_execute.app, 'api')
        )
            and a.grantee = 0
        order by p.oid
    loop
        execute format('revoke execute on routine %s from public', v_routine);
    end loop;
end;
$$;

comment on function core.revoke_public_execute(text) is
e'Revokes PUBLIC''s execute on the routines of an app and of api.\n\n'
'It runs after every file of routines, since Postgres gives that right on each new one.';

create or replace function core.drop_policies(table_name regclass)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy name;
begin
    for v_policy in
        select polname from pg_catalog.pg_policy where polrelid = drop_policies.table_name order by polname
    loop
        execute format('drop policy %I on %s', v_policy, drop_policies.table_name);
    end loop;
end;
$$;

comment on function core.drop_policies(regclass) is
'Drops every policy of a table, so that policies/<app>.yaml alone says which it has.';

create or replace function core.deny_direct_access(relation regclass)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    execute pg_catalog.format('alter table %s enable row level security', deny_direct_access.relation);
    execute pg_catalog.format('alter table %s force row level security', deny_direct_access.relation);
    -- Restrictive, so that a policy and a grant made by hand open nothing.
    execute pg_catalog.format(
        'create policy nobody on %s as restrictive for all to anon, authenticated using (false)',
        deny_direct_access.relation
    );
end;
$$;

comment on function core.deny_direct_access(regclass) is
e'Closes a table that has no policy to every client.\n\n'
'It enables and forces row-level security, with one policy that lets nobody in. For tables without a line in '
'policies/<app>.yaml, and for partitions, whose rows are reached through their parent.\n\n'
'Errors: 42710 when it was called for the table before.';

create or replace function core.revoke_relation(target regclass)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_grantee text;
begin
    for v_grantee in
        select distinct case when a.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end
        from pg_catalog.pg_class as c
        cross join lateral (
            select x.grantee
            from pg_catalog.aclexplode(c.relacl) as x
            union all
            select x.grantee
            from pg_catalog.pg_attribute as t
            cross join lateral pg_catalog.aclexplode(t.attacl) as x
            where t.attrelid = c.oid
        ) as a
        where c.oid = revoke_relation.target and a.grantee <> c.relowner
        order by 1
    loop
        execute pg_catalog.format('revoke all on %s from %I', revoke_relation.target, v_grantee);
    end loop;
end;
$$;

comment on function core.revoke_relation(regclass) is
'Revokes every right on a table or view from everybody but its owner.';

create or replace function core.revoke_routine(target regprocedure)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_grantee text;
begin
    for v_grantee in
        select distinct case when a.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end
        from pg_catalog.pg_proc as p
        cross join lateral pg_catalog.aclexplode(
            coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
        ) as a
        where p.oid = revoke_routine.target and a.grantee <> p.proowner
        order by 1
    loop
        execute pg_catalog.format('revoke all on routine %s from %I', revoke_routine.target, v_grantee);
    end loop;
end;
$$;

comment on function core.revoke_routine(regprocedure) is
'Revokes every right on a routine from everybody but its owner.';

create or replace function core.revoke_app(app text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_grantee text;
begin
    for v_grantee in
        select distinct case when a.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end
        from pg_catalog.pg_namespace as n
        cross join lateral pg_catalog.aclexplode(n.nspacl) as a
        where n.nspname = revoke_app.app and a.grantee <> n.nspowner
        order by 1
    loop
        execute pg_catalog.format('revoke all on schema %I from %I', revoke_app.app, v_grantee);
    end loop;

    perform core.revoke_routine(p.oid)
    from pg_catalog.pg_proc as p
    where p.pronamespace = revoke_app.app::regnamespace
    order by p.oid;
end;
$$;

comment on function core.revoke_app(text) is
e'Revokes every right on an app''s schema and its routines from everybody but the owner.\n\n'
'What policies/<app>.yaml gives is granted after it.';
