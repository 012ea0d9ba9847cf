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

    insert into core.errors (name, app, sqlstate, status, message_en, message_ko, hint, retry_after)
    select
        d.name, declare_errors.app, d.sqlstate, d.status, d.message_en, d.message_ko, d.hint, d.retry_after
    from pg_catalog.jsonb_to_recordset(declare_errors.errors) as d (
        name text, sqlstate text, status smallint, message_en text, message_ko text, hint text,
        retry_after integer
    );

    insert into core.error_constraints (schema_name, constraint_name, error_name)
    select declare_errors.app, c.constraint_name, d.name
    from pg_catalog.jsonb_to_recordset(declare_errors.errors) as d (name text, constraints jsonb)
    cross join lateral pg_catalog.jsonb_array_elements_text(d.constraints) as c (constraint_name);
end;
$$;

comment on function core.declare_errors(text, jsonb) is
e'Makes an app''s errors those of its errors.yaml.\n\n'
'An app names constraints of its own schema; the same name may mean another error in another app.';

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
e'Raises a declared error by name, under its own SQLSTATE.\n\n'
'details: a JSON object with what the case adds; never a secret, and never another person''s data.\n\n'
'Errors: P0001 when no errors.yaml declares the name.';

create or replace function core.error_of_constraint(schema_name text, table_name text, constraint_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_error_name text;
begin
    select e.error_name into v_error_name
    from core.error_constraints as e
    where e.schema_name = error_of_constraint.schema_name
        and e.constraint_name = error_of_constraint.constraint_name;
    if found or error_of_constraint.table_name = '' then
        return v_error_name;
    end if;

    -- A partition's constraint may have another name than its parent's, and the partition another schema. Keys refer to
    -- their parent's; a check has the name of its parent's.
    with recursive ancestors as (
        select c.conname, c.contype, c.conparentid, c.conrelid, 0 as distance
        from pg_catalog.pg_constraint as c
        inner join pg_catalog.pg_class as t on t.oid = c.conrelid
        inner join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
        where n.nspname = error_of_constraint.schema_name
            and t.relname = error_of_constraint.table_name
            and c.conname = error_of_constraint.constraint_name
        union all
        select p.conname, p.contype, p.conparentid, p.conrelid, a.distance + 1
        from ancestors as a
        cross join lateral (
            select k.*
            from pg_catalog.pg_constraint as k
            where k.oid = a.conparentid
            union all
            select k.*
            from pg_catalog.pg_inherits as i
            inner join pg_catalog.pg_constraint as k on k.conrelid = i.inhparent and k.conname = a.conname
            where i.inhrelid = a.conrelid and a.contype = 'c' and k.contype = 'c'
        ) as p
    )

    select e.error_name into v_error_name
    from ancestors as a
    inner join pg_catalog.pg_class as t on t.oid = a.conrelid
    inner join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
    inner join core.error_constraints as e on e.schema_name = n.nspname and e.constraint_name = a.conname
    order by a.distance
    limit 1;
    return v_error_name;
end;
$$;

comment on function core.error_of_constraint(text, text, text) is
e'The declared error of a violated constraint, by schema and name; null when there is none.\n\n'
'A constraint of a partition stands for that of its parent. table_name is empty for a constraint of a domain.';

create or replace function core.raise_to_client(
    sqlstate text,
    schema_name text,
    table_name text,
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
    if raise_to_client.constraint_name <> '' then
        select e.* into v_error
        from core.errors as e
        where e.name = core.error_of_constraint(
            raise_to_client.schema_name, raise_to_client.table_name, raise_to_client.constraint_name
        );
    end if;
    if v_error.name is null then
        select e.* into v_error
        from core.errors as e
        where e.sqlstate = raise_to_client.sqlstate;
    end if;
    if v_error.name is null then
        -- No app declared it, so it is a fault of ours: the log gets all of it, the client none of it.
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
                    -- core.raise wrote these details; those of Postgres show rows of other people.
                    when v_error.sqlstate = raise_to_client.sqlstate
                        and v_error.sqlstate like 'Z%'
                        and pg_catalog.left(raise_to_client.detail, 1) = '{'
                        then raise_to_client.detail::jsonb
                    else '{}'
                end
            )::text,
            'hint', v_error.hint
        )::text,
        detail = pg_catalog.json_build_object(
            'status', v_error.status,
            'headers', case
                when v_error.retry_after is null then '{}'
                else pg_catalog.json_build_object('Retry-After', v_error.retry_after::text)
            end
        )::text;
end;
$$;

comment on function core.raise_to_client(text, text, text, text, text, text, text) is
e'Raises what a wrapper caught as the error that PostgREST sends to the client.\n\n'
'It is the error of the violated constraint, else that of the SQLSTATE, else internal_error. The client gets its '
'status, code, message, details and hint, and the header Retry-After where a retry helps. What nobody declared goes '
'to the server''s log as well.';
