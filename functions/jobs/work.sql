-- Work: one slice of a run, with its effect and its record in one transaction, and what comes after it.
-- Locks: the caller's session holds the job's lock; then the routine's own, then the attempt's row, then the run's.
-- needs: leases
create or replace function jobs.call_routine(job jobs.jobs, slot timestamptz)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
-- The arguments are one of four constants, and a regproc is written with the quotes that it needs.
-- @plpgsql_check_options: security_warnings = off
declare
    v_routine regproc := job.routine::regproc;
    v_arguments text;
    v_returns_nothing boolean;
    v_result jsonb;
begin
    -- The arguments that the routine has by these names: slot, batch_limit, both or neither.
    select coalesce(pg_catalog.string_agg(
        case a.name
            when 'slot' then 'slot => $1'
            when 'batch_limit' then 'batch_limit => $2'
        end,
        ', '
    ), ''), bool_or(p.prorettype = 'void'::regtype) into v_arguments, v_returns_nothing
    from pg_catalog.pg_proc as p
    left join lateral pg_catalog.unnest(p.proargnames[1:p.pronargs]) as a (name) on true
    where p.oid = v_routine;
    if v_returns_nothing then
        -- PL/pgSQL's void is an empty text, which is no jsonb.
        execute pg_catalog.format('select %s(%s)', v_routine, v_arguments)
        using call_routine.slot, job.batch_limit;
        return '{}'::jsonb;
    end if;
    execute pg_catalog.format('select %s(%s)', v_routine, v_arguments) into v_result
    using call_routine.slot, job.batch_limit;
    -- A `processed` that is no number would count as nothing done, a `more` in quotes as nothing left.
    if pg_catalog.jsonb_typeof(v_result -> 'processed') not in ('number', 'null')
        or pg_catalog.jsonb_typeof(v_result -> 'more') not in ('boolean', 'null')
        or (v_result @? '$.processed ? (@ < 0 || @ > 1000000000000000)') then
        raise exception '% returned no number of rows as processed, or neither true nor false as more', v_routine
            using errcode = 'invalid_parameter_value', detail = pg_catalog.left(v_result::text, 200);
    end if;
    return coalesce(v_result, '{}');
end;
$$;

comment on function jobs.call_routine(jobs.jobs, timestamptz) is
e'Calls a job''s business function with the arguments slot and batch_limit that it has.\n\n'
'Returns the function''s result. processed: the number of rows, 0 to 10^15. more: true when there is more to do now. '
'Errors: what the function raises; 22023 when processed or more is something else.';

create or replace function jobs.fail_now_or_never()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cursor text;
begin
    set constraints all immediate;
    -- A commit would run the rest of a held cursor, which nobody will read.
    for v_cursor in
        select c.name
        from pg_catalog.pg_cursors as c
        where c.is_holdable
    loop
        execute pg_catalog.format('move forward all in %I', v_cursor);
        execute pg_catalog.format('close %I', v_cursor);
    end loop;
end;
$$;

comment on function jobs.fail_now_or_never() is
e'Does what a routine has left for the commit, so that its errors are raised now.\n\n'
'Checks deferred constraints, runs deferred triggers, and reads and closes cursors that are held.';

create or replace function jobs.may_retry(job jobs.jobs, sqlstate text, timed_out boolean)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when timed_out then 'timeout' = any (job.retry_on)
        else sqlstate = any (job.retry_on) or pg_catalog.left(sqlstate, 2) = any (job.retry_on)
    end;
$$;

comment on function jobs.may_retry(jobs.jobs, text, boolean) is
e'Whether another attempt may help after this error.\n\n'
'The job''s retry_on names its SQLSTATE, its class of two characters, or `timeout` for the job''s own limit.';

create or replace function jobs.backoff(failures integer, cap interval)
returns interval
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    -- 1, 2, 4 s … and up to half less by chance, so that jobs that failed together do not come back together.
    select least(interval '1 second' * 2 ^ least(failures - 1, 20), cap) * (0.5 + pg_catalog.random() / 2);
$$;

comment on function jobs.backoff(integer, interval) is 'How long to wait after this many failures.';

create or replace function jobs.work(run_id bigint)
returns interval
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jobs.runs;
    v_job jobs.jobs;
    v_place integer := jobs.held_place();
    v_result jsonb;
    v_wait interval;
    v_sqlstate text;
    v_message text;
    v_detail text;
    v_context text;
begin
    select r.* into v_run
    from jobs.runs as r
    where r.run_id = work.run_id and r.status = 'running';
    select j.* into v_job
    from jobs.jobs as j
    where j.job_name = v_run.job_name;
    -- pg_cron's role may call this, and may do so only for a run that its session has leased.
    if v_run.run_id is null or jobs.lock_holder(v_job.job_no) is distinct from pg_catalog.pg_backend_pid() then
        raise exception 'this session has not leased run %', work.run_id
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    if pg_catalog.clock_timestamp() >= v_run.deadline_at then
        return jobs.interrupt(v_run);
    end if;
    if not exists (
        select
        from jobs.attempts as a
        where a.run_id = work.run_id and a.status = 'running'
    ) then
        perform jobs.start_attempt(work.run_id, 'retry');
    end if;

    -- The routine could give the session's lock back (pg_advisory_unlock_all); the transaction's it cannot.
    perform pg_catalog.pg_advisory_xact_lock(core.job_locks(), v_job.job_no);
    perform pg_catalog.pg_advisory_xact_lock(core.place_locks(), v_place);
    begin
        -- A result that cannot be recorded, such as a number of rows that is too large, is a failure as well. So is
        -- what would fail at the commit, where no handler is.
        v_result := jobs.call_routine(v_job, v_run.slot_at);
        perform jobs.fail_now_or_never();
        v_wait := jobs.record_slice(v_run, v_result);
    exception
        -- `others` does not include query_canceled and assert_failure.
        when query_canceled or assert_failure or others then
            get stacked diagnostics
                v_sqlstate = returned_sqlstate,
                v_message = message_text,
                v_detail = pg_exception_detail,
                v_context = pg_exception_context;
    end;
    perform jobs.reacquire_lock(core.job_locks(), v_job.job_no);
    if v_place is not null then
        perform jobs.reacquire_lock(core.place_locks(), v_place);
    end if;
    if v_sqlstate is not null then
        -- Cut before anything is made of them: an event of a text of 256 MB cannot be recorded.
        return jobs.record_failure(
            v_run, v_job, v_sqlstate,
            pg_catalog.left(v_message, 2000), pg_catalog.left(v_detail, 4000), pg_catalog.left(v_context, 4000)
        );
    end if;
    return v_wait;
end;
$$;

comment on function jobs.work(bigint) is
e'Works one slice of a run that this session leased, and records what came of it.\n\n'
'Returns how long to wait before the next slice or attempt; null when this session is done with the run. Errors: '
'55000 when this session does not hold the run.';

create or replace function jobs.record_slice(run jobs.runs, result jsonb)
returns interval
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_processed bigint := coalesce(
        case when pg_catalog.jsonb_typeof(result -> 'processed') = 'number' then (result -> 'processed')::bigint end, 0
    );
    v_more boolean := coalesce(result -> 'more' = 'true', false);
begin
    update jobs.attempts as a
    set
        slices = a.slices + 1,
        processed = a.processed + v_processed,
        result = record_slice.result,
        status = case when v_more then 'running' else 'succeeded' end,
        finished_at = case when not v_more then pg_catalog.clock_timestamp() end
    where a.run_id = run.run_id and a.status = 'running';

    update jobs.runs as r
    set
        slices = r.slices + 1,
        processed = r.processed + v_processed,
        result = record_slice.result,
        status = case when v_more then 'running' else 'succeeded' end,
        deadline_at = case when v_more then r.deadline_at end,
        finished_at = case when not v_more then pg_catalog.clock_timestamp() end,
        reason = null
    where r.run_id = run.run_id;
    if v_more then
        return interval '0';
    end if;
    if jobs.was_failing(run.run_id) then
        perform jobs.record_event('recovered', run.run_id);
    end if;
    return null;
end;
$$;

comment on function jobs.record_slice(jobs.runs, jsonb) is
e'Records a slice that worked.\n\n'
'Returns no wait when there is more to do, null when the run has succeeded.';

create or replace function jobs.has_progress(run_id bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
        from jobs.attempts as a
        where a.run_id = has_progress.run_id and a.status = 'running' and a.slices > 0
    );
$$;

comment on function jobs.has_progress(bigint) is 'Whether the attempt that is under way has slices that worked.';

create or replace function jobs.record_failure(
    run jobs.runs, job jobs.jobs, sqlstate text, message text, detail text, context text
)
returns interval
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timed_out boolean := sqlstate = '57014' and pg_catalog.clock_timestamp() >= run.deadline_at;
begin
    -- Its earlier slices are committed. The next turn tries the one that was cut off again, with a whole limit.
    if v_timed_out and jobs.has_progress(run.run_id) then
        return jobs.interrupt(run);
    end if;
    update jobs.attempts as a
    set
        status = case
            when v_timed_out then 'timed_out'
            when record_failure.sqlstate = '57014' then 'cancelled'
            else 'failed'
        end,
        finished_at = pg_catalog.clock_timestamp(),
        sqlstate = record_failure.sqlstate,
        message = record_failure.message,
        detail = record_failure.detail,
        context = record_failure.context
    where a.run_id = run.run_id and a.status = 'running';
    return jobs.retry_or_fail(
        run, job,
        jobs.may_retry(job, sqlstate, v_timed_out),
        case when v_timed_out then 'timed_out' else 'failed' end,
        case when v_timed_out then pg_catalog.format('longer than %s', job.time_limit) else message end
    );
end;
$$;

comment on function jobs.record_failure(jobs.runs, jobs.jobs, text, text, text, text) is
e'Records an attempt that failed.\n\n'
'Returns how long to wait for the next attempt in this session; null when there is none.';

create or replace function jobs.retry_or_fail(
    run jobs.runs, job jobs.jobs, may_retry boolean, kind text, reason text
)
returns interval
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Attempts that were interrupted between two slices have not failed.
    v_failures integer := (
        select count(*)
        from jobs.attempts as a
        where a.run_id = run.run_id and a.status in ('failed', 'timed_out', 'cancelled', 'crashed')
    );
    v_wait interval := jobs.backoff(v_failures, job.backoff_cap);
    v_due_at timestamptz := pg_catalog.clock_timestamp() + v_wait;
begin
    if may_retry and v_failures < job.attempts then
        if v_due_at < run.deadline_at and kind <> 'crashed' then
            return v_wait;
        end if;
        update jobs.runs as r
        set status = 'waiting', due_at = v_due_at, deadline_at = null, reason = retry_or_fail.reason
        where r.run_id = run.run_id;
        return null;
    end if;
    update jobs.runs as r
    set
        status = 'failed',
        deadline_at = null,
        finished_at = pg_catalog.clock_timestamp(),
        reason = retry_or_fail.reason
    where r.run_id = run.run_id;
    perform jobs.record_event(
        kind, run.run_id, pg_catalog.jsonb_build_object('reason', reason, 'failures', v_failures)
    );
    return null;
end;
$$;

comment on function jobs.retry_or_fail(jobs.runs, jobs.jobs, boolean, text, text) is
e'Decides what comes after a failed attempt.\n\n'
'Returns the wait when another attempt fits the run''s limit. Null: the run waits for catch_up, or has failed. kind: '
'that of the event of a failure.';

create or replace function jobs.interrupt(run jobs.runs)
returns interval
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    update jobs.attempts as a
    set status = 'interrupted', finished_at = pg_catalog.clock_timestamp()
    where a.run_id = run.run_id and a.status = 'running';
    update jobs.runs as r
    set
        status = 'waiting',
        due_at = pg_catalog.clock_timestamp(),
        deadline_at = null,
        reason = 'out of time, to be continued'
    where r.run_id = run.run_id;
    return null;
end;
$$;

comment on function jobs.interrupt(jobs.runs) is
'Ends the attempt of a run that is out of time after some slices; catch_up goes on with it.';
