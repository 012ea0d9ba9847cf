-- Errors: declared once, raised by name in SQL, turned into the client's form by the wrappers in api.
create or replace function core.declare_errors(app text, errors jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from core.errors as e
    where e.app = declare_errors.app;

    insert into core.errors (name, app, sqlstate, status, message_en, message_ko, hint)
    select d.name, declare_errors.app, d.sqlstate, d.status, d.message_en, d.message_ko, d.hint
    from pg_catalog.jsonb_to_recordset(declare_errors.errors) as d (
        name text, sqlstate text, status smallint, message_en text, message_ko text, hint text
    );

    insert into core.error_constraints (constraint_name, error_name)
    select c.constraint_name, d.name
    from pg_catalog.jsonb_to_recordset(declare_errors.errors) as d (name text, constraints jsonb)
    cross join lateral pg_catalog.jsonb_array_elements_text(d.constraints) as c (constraint_name);
end;
$$;

comment on function core.declare_errors(text, jsonb) is 'Makes an app''s errors those of its errors.yaml.';

create or replace function core.raise(name text, details jsonb default '{}')
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_error core.errors;
begin
    select * into v_error
    from core.errors as e
    where e.name = "raise".name;
    if not found then
        raise exception 'error % is not declared', "raise".name
            using hint = 'Declare it in functions/<app>/errors.yaml.';
    end if;
    raise exception using
        errcode = v_error.sqlstate,
        message = v_error.message_en,
        detail = "raise".details::text,
        hint = v_error.hint;
end;
$$;

comment on function core.raise(text, jsonb) is
'Raises a declared error by name, under its own SQLSTATE. details: a JSON object with what the
case adds; never a secret, never another person''s data.';

create or replace function core.raise_to_client(
    sqlstate text,
    constraint_name text,
    message text,
    detail text,
    context text
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_error core.errors;
begin
    select e.* into v_error
    from core.errors as e
    where e.name = (
        select c.error_name
        from core.error_constraints as c
        where c.constraint_name = raise_to_client.constraint_name
    );
    if not found then
        select e.* into v_error
        from core.errors as e
        where e.sqlstate = raise_to_client.sqlstate;
    end if;
    if not found then
        -- Nobody declared it, so it is ours: the log gets all of it, PostgREST's client nothing.
        raise log 'internal error %: % at %',
            raise_to_client.sqlstate, raise_to_client.message, raise_to_client.context;
        select e.* into v_error
        from core.errors as e
        where e.name = 'internal_error';
    end if;
    raise sqlstate 'PGRST' using
        message = pg_catalog.json_build_object(
            'code', v_error.name,
            'message', v_error.message_en,
            'details', (
                pg_catalog.jsonb_build_object('message_ko', v_error.message_ko)
                || case
                    -- Only core.raise writes these; Postgres's own details name rows.
                    when v_error.sqlstate = raise_to_client.sqlstate
                        and v_error.sqlstate like 'Z%'
                        and pg_catalog.left(raise_to_client.detail, 1) = '{'
                        then raise_to_client.detail::jsonb
                    else '{}'
                end
            )::text,
            'hint', v_error.hint
        )::text,
        detail = pg_catalog.json_build_object('status', v_error.status, 'headers', '{}'::json)::text;
end;
$$;

comment on function core.raise_to_client(text, text, text, text, text) is
'Turns what a wrapper caught into the error that PostgREST sends: status, code, message, details, hint.';
