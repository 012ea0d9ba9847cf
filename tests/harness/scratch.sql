-- A small exposed schema, for the tests of the fixture itself.
do $$
declare
    v_role text;
begin
    for v_role in select unnest(array['anon', 'authenticated', 'service_role', 'authenticator'])
    loop
        if not exists (select from pg_roles where rolname = v_role) then
            execute format('create role %I %s noinherit', v_role, case v_role when 'authenticator' then 'login' else '' end);
        end if;
    end loop;
    grant anon, authenticated, service_role to authenticator;
end;
$$;

create schema api;

grant usage on schema api to anon, authenticated, service_role;

create table api.notes (
    note_id integer primary key,
    body text not null,
    author uuid,
    constraint notes_body_not_empty check (body <> '')
);

alter table api.notes enable row level security;

create policy own on api.notes for all to authenticated
using (author = (current_setting('request.jwt.claims')::json ->> 'sub')::uuid);

grant select, insert, update, delete on api.notes to authenticated;

create table api.traces (trace integer);

grant insert on api.traces to service_role;

create function api.settings_seen()
returns json
language sql
stable
return json_build_object(
    'role', current_user,
    'session', session_user,
    'claims', current_setting('request.jwt.claims')::json,
    'method', current_setting('request.method'),
    'path', current_setting('request.path'),
    'headers', current_setting('request.headers')::json,
    'cookies', current_setting('request.cookies')::json,
    'search_path', current_setting('search_path'),
    'isolation', current_setting('transaction_isolation'),
    'read_only', current_setting('transaction_read_only')
);

create function api.typed(a integer, b date default '2000-01-01', c jsonb default null, d text [] default '{}')
returns json
language sql
stable
return json_build_object('a', a, 'b', b, 'c', c, 'd', d);

create function api.bump(trace integer)
returns void
language sql
volatile
as $$ insert into api.traces values (bump.trace) $$;

create function api.bump_declared_stable(trace integer)
returns void
language plpgsql
stable
as $$ begin perform api.bump(trace); end $$;

create function api.one_note()
returns api.notes
language sql
stable
as $$ select 1, 'one', null::uuid $$;

create function api.numbers(upto integer)
returns setof integer
language sql
stable
as $$ select generate_series(1, upto) $$;

create function api.whole(jsonb)
returns jsonb
language sql
stable
as $$ select $1 $$;

create function api.two(a integer)
returns integer
language sql
stable
as $$ select 1 $$;

create function api.two(a text)
returns integer
language sql
stable
as $$ select 2 $$;

create function api.fail(state text, says text default 'no', detail text default null, hint text default null)
returns void
language plpgsql
volatile
as $$
begin
    insert into api.traces values (99);
    if detail is null then
        raise exception using errcode = state, message = says, hint = coalesce(fail.hint, '');
    end if;
    raise exception using errcode = state, message = says, detail = fail.detail, hint = coalesce(fail.hint, '');
end
$$;

create function api.answer(status text, headers text default null)
returns text
language plpgsql
volatile
as $$
begin
    perform set_config('response.status', status, true);
    perform set_config('response.headers', coalesce(headers, ''), true);
    insert into api.traces values (77);
    return 'said';
end
$$;

create function api.current_settings(names text [])
returns text []
language sql
stable
return array(select current_setting(n.name) from unnest(names) with ordinality as n (name, place) order by n.place);

create function api.slow()
returns void
language sql
volatile
set statement_timeout = '50ms'
as $$ select pg_sleep(5) $$;

create function api.serialization_failure()
returns void
language plpgsql
volatile
as $$ begin raise sqlstate '40001' using message = 'again'; end $$;

create function api.secret_number()
returns integer
language sql
stable
as $$ select 7 $$;

revoke execute on function api.secret_number() from public;
