-- A shape of what Supabase brings, for scratch databases: what our SQL names must be there when it is run.
do $$
declare
    v_role record;
begin
    for v_role in
        select *
        from (values
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls'),
            ('authenticator', 'login noinherit')
        ) as roles (name, attributes)
        where not exists (select 1 from pg_catalog.pg_roles where rolname = roles.name)
    loop
        begin
            execute format('create role %I %s', v_role.name, v_role.attributes);
        exception
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end;
$$;

create schema auth;

create table auth.users (
    id uuid primary key,
    aud varchar(255),
    role varchar(255),
    email varchar(255),
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    created_at timestamptz,
    updated_at timestamptz
);

create function auth.uid() returns uuid
language sql stable return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;

create function auth.role() returns text
language sql stable return nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role';

create function auth.jwt() returns jsonb
language sql stable return nullif(current_setting('request.jwt.claims', true), '')::jsonb;

create schema extensions;

create extension pgcrypto with schema extensions;

create schema vault;

create table vault.secrets (
    id uuid primary key default gen_random_uuid(),
    name text,
    description text not null default '',
    secret text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create view vault.decrypted_secrets as
select
    s.id,
    s.name,
    s.description,
    s.secret,
    s.secret as decrypted_secret,
    s.created_at,
    s.updated_at
from vault.secrets as s;

create function vault.create_secret(
    new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
)
returns uuid
language sql volatile as 'select null::uuid';

create function vault.update_secret(
    secret_id uuid, new_secret text default null, new_name text default null,
    new_description text default null, new_key_id uuid default null
)
returns void
language sql volatile as 'select';

create schema net;

create function net.http_post(
    url text, body jsonb default '{}', params jsonb default '{}',
    headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000
)
returns bigint
language sql volatile as 'select null::bigint';
