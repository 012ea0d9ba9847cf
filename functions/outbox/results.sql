-- Results: what became of messages is handed to the function of their lane, in the transaction that ends them.
-- needs: types
create or replace function outbox.defer_constraints()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
-- Names of the catalog, quoted.
-- @plpgsql_check_options: security_warnings = off
declare
    v_names text := (
        select pg_catalog.string_agg(distinct pg_catalog.format('%I.%I', n.nspname, c.conname), ', ')
        from pg_catalog.pg_constraint as c
        inner join pg_catalog.pg_namespace as n on n.oid = c.connamespace
        where c.condeferred
    );
begin
    if v_names is not null then
        execute 'set constraints ' || v_names || ' deferred';
    end if;
end;
$$;

comment on function outbox.defer_constraints() is
'Defers the constraints again that their declaration defers, after jobs.fail_now_or_never.';

create or replace function outbox.call_result_function(routine text, results outbox.result[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
-- A regproc is written with the quotes that it needs.
-- @plpgsql_check_options: security_warnings = off
begin
    execute pg_catalog.format('select %s($1)', call_result_function.routine::regproc)
    using call_result_function.results;
    -- What would fail at the commit fails here, where somebody handles it; the next call begins as this one did.
    perform jobs.fail_now_or_never();
    perform outbox.defer_constraints();
end;
$$;

comment on function outbox.call_result_function(text, outbox.result[]) is
e'Calls a result function, and does at once what it left for the commit.\n\n'
'Errors: what the function raises; 42883 when it is not there.';

create or replace function outbox.digest(routine text, results outbox.result[])
returns table (message_id bigint, code text, reason text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_result outbox.result;
begin
    begin
        perform outbox.call_result_function(digest.routine, digest.results);
        return;
    exception
        when query_canceled or assert_failure or others then
            digest.code := sqlstate;
            digest.reason := pg_catalog.left(sqlerrm, 2000);
    end;
    -- Whoever cancelled it does not want to wait once more for each: a job tries them.
    if digest.code = '57014' or pg_catalog.cardinality(digest.results) = 1 then
        foreach v_result in array digest.results
        loop
            digest.message_id := v_result.message_id;
            return next;
        end loop;
        return;
    end if;
    foreach v_result in array digest.results
    loop
        begin
            perform outbox.call_result_function(digest.routine, array[v_result]);
        exception
            when query_canceled or assert_failure or others then
                digest.message_id := v_result.message_id;
                digest.code := sqlstate;
                digest.reason := pg_catalog.left(sqlerrm, 2000);
                return next;
        end;
    end loop;
end;
$$;

comment on function outbox.digest(text, outbox.result[]) is
e'Hands results to a function: all at once, and one by one if that fails.\n\n'
'Returns the messages whose results it did not take, each with its SQLSTATE and message. Nothing of a failed call '
'stays.';
