-- A database as Supabase hands it over: client roles, auth, extensions and vault belong to others.
-- Run by supabase_admin, the only superuser there; dotbase comes later, as `postgres`.
create schema auth authorization supabase_auth_admin;

set role supabase_auth_admin;

create table auth.users (
    id uuid primary key,
    aud varchar(255),
    role varchar(255),
    email varchar(255),
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    created_at timestamptz default now(),
    updated_at timestamptz
);

alter table auth.users enable row level security;

create function auth.uid() returns uuid language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
$$;

create function auth.role() returns text language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    )::text
$$;

create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;

grant usage on schema auth to anon, authenticated, service_role;

grant all on schema auth to postgres;

grant all on all tables in schema auth to postgres;

reset role;

create schema extensions;

grant usage on schema extensions to postgres, anon, authenticated, service_role;

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

create unique index secrets_name_idx on vault.secrets (name) where name is not null;

create function vault._decrypt(secret text) returns text
language sql stable security definer set search_path = '' as $$
    select extensions.pgp_sym_decrypt(decode(secret, 'base64'), 'the platform keeps this key elsewhere')
$$;

create view vault.decrypted_secrets as
select
    s.id,
    s.name,
    s.description,
    s.secret,
    vault._decrypt(s.secret) as decrypted_secret,
    s.created_at,
    s.updated_at
from vault.secrets as s;

create function vault.create_secret(
    new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
)
returns uuid
language sql volatile security definer set search_path = '' as $$
    insert into vault.secrets (secret, name, description)
    values (
        encode(extensions.pgp_sym_encrypt(new_secret, 'the platform keeps this key elsewhere'), 'base64'),
        new_name, new_description
    )
    returning id
$$;

create function vault.update_secret(
    secret_id uuid, new_secret text default null, new_name text default null,
    new_description text default null, new_key_id uuid default null
)
returns void
language sql volatile security definer set search_path = '' as $$
    update vault.secrets
    set
        secret = coalesce(
            encode(extensions.pgp_sym_encrypt(new_secret, 'the platform keeps this key elsewhere'), 'base64'),
            secret
        ),
        name = coalesce(new_name, name),
        updated_at = now()
    where id = secret_id
$$;

revoke all on all functions in schema vault from public;

grant usage on schema vault to postgres with grant option;

grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;

grant execute on function vault.create_secret, vault.update_secret, vault._decrypt to postgres with grant option;

-- pg_net: two unlogged tables, and functions that queue a request for a worker, which is not here.
create schema net;

create unlogged table net.http_request_queue (
    id bigserial,
    method text not null,
    url text not null,
    headers jsonb,
    body bytea,
    timeout_milliseconds integer not null
);

create unlogged table net._http_response (
    id bigint,
    status_code integer,
    content_type text,
    headers jsonb,
    content text,
    timed_out boolean,
    error_msg text,
    created timestamptz not null default now()
);

create function net.http_post(
    url text, body jsonb default '{}', params jsonb default '{}',
    headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000
)
returns bigint
language sql volatile as $$
    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    values (
        'POST', http_post.url, http_post.headers, convert_to(http_post.body::text, 'utf8'),
        http_post.timeout_milliseconds
    )
    returning id
$$;

revoke all on all functions in schema net from public;

grant usage on schema net to postgres, anon, authenticated, service_role;

grant all on all tables in schema net to public;

grant all on all sequences in schema net to public;

grant execute on all functions in schema net to postgres, anon, authenticated, service_role;

-- What Supabase gives by default to whatever is made in `public`.
alter default privileges for role postgres in schema public
grant all on tables to postgres, anon, authenticated, service_role;

alter default privileges for role postgres in schema public
grant all on functions to postgres, anon, authenticated, service_role;

grant usage on schema public to postgres, anon, authenticated, service_role;

create table public.todos (id bigint generated always as identity primary key, user_id uuid, task text);

alter table public.todos owner to postgres;

alter table public.todos enable row level security;

create policy "own todos" on public.todos for select to authenticated using ((select auth.uid()) = user_id);

create function extensions.grant_pg_cron_access() returns event_trigger language plpgsql as $$
begin
    null;
end;
$$;

create event trigger issue_pg_cron_access on ddl_command_end
when tag in ('CREATE EXTENSION') execute function extensions.grant_pg_cron_access();

do $$
begin
    execute format('alter role postgres in database %I set search_path = "$user", public, extensions', current_database());
    if current_database() = current_setting('cron.database_name', true) then
        create extension pg_cron;
        grant usage on schema cron to postgres with grant option;
        grant all on all tables in schema cron to postgres with grant option;
    end if;
end;
$$;
