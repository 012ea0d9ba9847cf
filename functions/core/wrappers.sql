-- Wrappers: the functions of schema api, made from the catalog for the RPCs that policies/<app>.yaml lists.
--
-- `claim_steps: [authenticated]` there makes this one; in psql `\sf api.claim_steps` shows what is in the database:
--
--     create or replace function api.claim_steps(threshold integer, numbers integer[] DEFAULT NULL::integer[])
--     returns SETOF api.claims
--     language plpgsql
--     volatile
--     security invoker
--     set search_path = pg_catalog, pg_temp
--     as $body$
--     declare
--         v_sqlstate text;
--         v_schema text;
--         v_table text;
--         v_constraint text;
--         v_message text;
--         v_detail text;
--         v_context text;
--     begin
--         return query select * from luckywalk.claim_steps($1, $2);
--     exception
--         when query_canceled or assert_failure or others then
--             get stacked diagnostics
--                 v_sqlstate = returned_sqlstate,
--                 v_schema = schema_name,
--                 v_table = table_name,
--                 v_constraint = constraint_name,
--                 v_message = message_text,
--                 v_detail = pg_exception_detail,
--                 v_context = pg_exception_context;
--             perform core.raise_to_client(
--                 v_sqlstate, v_schema, v_table, v_constraint, v_message, v_detail, v_context
--             );
--     end;
--     $body$
--
-- A line's own limits follow the search_path: `set statement_timeout = '5min'`. PostgREST applies it to the transaction
-- before the call, and lock_timeout counts from where it is set.
create or replace function core.wrapper_definition(target regprocedure, limits jsonb default '{}')
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select pg_catalog.format(
        $wrapper$
create or replace function api.%1$I(%2$s)
returns %3$s
language plpgsql
%4$s
security invoker
set search_path = pg_catalog, pg_temp%7$s
as $body$
declare
    v_sqlstate text;
    v_schema text;
    v_table text;
    v_constraint text;
    v_message text;
    v_detail text;
    v_context text;
begin
    %5$s
exception
    when query_canceled or assert_failure or others then
        get stacked diagnostics
            v_sqlstate = returned_sqlstate,
            v_schema = schema_name,
            v_table = table_name,
            v_constraint = constraint_name,
            v_message = message_text,
            v_detail = pg_exception_detail,
            v_context = pg_exception_context;
        perform core.raise_to_client(
            v_sqlstate, v_schema, v_table, v_constraint, v_message, v_detail, v_context
        );%6$s
end;
$body$
        $wrapper$,
        p.proname,
        pg_catalog.pg_get_function_arguments(p.oid),
        pg_catalog.pg_get_function_result(p.oid),
        case p.provolatile when 'v' then 'volatile' else 'stable' end,
        pg_catalog.format(
            case
                when p.proretset then 'return query select * from %1$I.%2$I(%3$s);'
                when p.prorettype = 'void'::regtype then 'perform %1$I.%2$I(%3$s);'
                else 'return %1$I.%2$I(%3$s);'
            end,
            n.nspname,
            p.proname,
            (
                select pg_catalog.string_agg('$' || i, ', ' order by i)
                from pg_catalog.generate_series(1, p.pronargs) as i
            )
        ),
        -- Never reached, since raise_to_client raises; plpgsql_check asks for a return all the same.
        case when not p.proretset and p.prorettype <> 'void'::regtype then e'\n        return null;' else '' end,
        (
            select pg_catalog.string_agg(pg_catalog.format(e'\nset %I = %L', l.key, l.value), '' order by l.key)
            from pg_catalog.jsonb_each_text(wrapper_definition.limits) as l
        )
    )
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where p.oid = wrapper_definition.target;
$$;

comment on function core.wrapper_definition(regprocedure, jsonb) is
e'The text of the wrapper of a function.\n\n'
'limits: settings of the wrapper, {"statement_timeout": "5min"}. '
'The wrapper has the same arguments, result and volatility. What the function raises becomes the client''s error.';

create or replace function core.drop_stale_wrappers(app text, rpcs jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
-- A regprocedure is written with the quotes that its name and types need: it is no text of a caller's.
-- @plpgsql_check_options: security_warnings = off
declare
    v_stale text;
begin
    for v_stale in
        select p.oid::regprocedure::text
        from pg_catalog.pg_proc as p
        inner join core.rpcs as d on d.name = p.proname and d.app = drop_stale_wrappers.app
        left join pg_catalog.pg_proc as t
            on t.proname = p.proname and t.pronamespace = drop_stale_wrappers.app::regnamespace
        where p.pronamespace = 'api'::regnamespace
            and (
                not drop_stale_wrappers.rpcs ? p.proname
                or pg_catalog.pg_get_function_arguments(p.oid)
                    is distinct from pg_catalog.pg_get_function_arguments(t.oid)
                or pg_catalog.pg_get_function_result(p.oid)
                    is distinct from pg_catalog.pg_get_function_result(t.oid)
            )
    loop
        execute pg_catalog.format('drop function if exists %s', v_stale);
    end loop;
end;
$$;

comment on function core.drop_stale_wrappers(text, jsonb) is
'Drops an app''s wrappers of RPCs that are no longer listed, and of signatures that changed.';

create or replace function core.build_wrapper(app text, rpc text, roles text[], limits jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_target regprocedure;
    v_role text;
begin
    begin
        select p.oid::regprocedure into strict v_target
        from pg_catalog.pg_proc as p
        where p.pronamespace = build_wrapper.app::regnamespace and p.proname = build_wrapper.rpc;
    exception
        when no_data_found then
            raise exception 'RPC % has no function %.%', build_wrapper.rpc, build_wrapper.app, build_wrapper.rpc
                using errcode = 'undefined_function';
        when too_many_rows then
            raise exception 'RPC % has several functions %.%', build_wrapper.rpc, build_wrapper.app, build_wrapper.rpc
                using errcode = 'ambiguous_function';
    end;
    execute core.wrapper_definition(v_target, build_wrapper.limits);
    execute pg_catalog.format(
        'comment on function api.%I is %L', build_wrapper.rpc, pg_catalog.obj_description(v_target, 'pg_proc')
    );
    -- Earlier rights are revoked first, so that the list alone says who may call it.
    perform core.revoke_routine(p.oid)
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'api'::regnamespace and p.proname = build_wrapper.rpc;
    execute pg_catalog.format(
        'revoke all on function %2$I.%1$I from public, anon, authenticated, service_role',
        build_wrapper.rpc, build_wrapper.app
    );
    foreach v_role in array build_wrapper.roles
    loop
        execute pg_catalog.format(
            'grant execute on function api.%1$I, %2$I.%1$I to %3$I', build_wrapper.rpc, build_wrapper.app, v_role
        );
        execute pg_catalog.format('grant usage on schema api, %I to %I', build_wrapper.app, v_role);
    end loop;
end;
$$;

comment on function core.build_wrapper(text, text, text[], jsonb) is
e'Makes one RPC: its wrapper, with the function''s comment and the rights of its roles.\n\n'
'The roles alone may execute the wrapper and the function behind it.\n\n'
'Errors: 42883 when the app has no function of this name, 42725 when it has several.';

create or replace function core.build_wrappers(app text, rpcs jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- As in YAML, a line is the list of its roles alone, or has limits beside them.
    perform core.drop_stale_wrappers(build_wrappers.app, build_wrappers.rpcs);
    delete from core.rpcs as d
    where d.app = build_wrappers.app;
    insert into core.rpcs (name, app, roles)
    select
        d.key,
        build_wrappers.app,
        array(
            select r.role
            from pg_catalog.jsonb_array_elements_text(coalesce(d.value -> 'roles', d.value)) as r (role)
            order by r.role
        )
    from pg_catalog.jsonb_each(build_wrappers.rpcs) as d;

    perform core.build_wrapper(
        d.app, d.name, d.roles,
        case pg_catalog.jsonb_typeof(build_wrappers.rpcs -> d.name)
            when 'object' then (build_wrappers.rpcs -> d.name) - 'roles'
            else '{}'
        end
    )
    from core.rpcs as d
    where d.app = build_wrappers.app
    order by d.name;
end;
$$;

comment on function core.build_wrappers(text, jsonb) is
e'Makes the wrappers of an app''s RPCs, and drops those that are not listed.\n\n'
'rpcs: {"rpc": ["role", …]}, or {"rpc": {"roles": ["role", …], "statement_timeout": "5min"}}.\n\n'
'Errors: 42883 when the app has no function of an RPC''s name, 42725 when it has several.';
