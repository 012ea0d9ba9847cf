-- Watching: ends what is over its time limit, and finds what crashed. It runs no business code.
-- needs: locks work
create or replace function jobs.record_heartbeat(name text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_last timestamptz;
begin
    if record_heartbeat.name = 'watch' then
        select h.business_at into v_last
        from jobs.heartbeats as h
        where h.name = 'watch';
        -- Nobody watched for longer than a wake-up may be late: nobody was woken either.
        if core.now() > v_last + interval '90 seconds' then
            insert into jobs.outages (began_at, ended_at) values (v_last, core.now()) on conflict do nothing;
        end if;
    end if;
    insert into jobs.heartbeats as h (name, heartbeat_at, business_at, server_process)
    values (record_heartbeat.name, pg_catalog.clock_timestamp(), core.now(), pg_catalog.pg_backend_pid())
    on conflict on constraint heartbeats_pkey do update set
        heartbeat_at = excluded.heartbeat_at,
        business_at = excluded.business_at,
        server_process = excluded.server_process;
end;
$$;

comment on function jobs.record_heartbeat(text) is
'Says that the watcher, or catch_up, is alive; notes an outage when the watcher was not for 90 seconds.';

create or replace function jobs.is_worked(run_id bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- Its session gone, the job's lock may be another's, who runs another slot.
    select coalesce((
        select jobs.holder(j.job_no) = a.server_process
        from jobs.runs as r
        inner join jobs.jobs as j on j.job_name = r.job_name
        inner join jobs.attempts as a on a.run_id = r.run_id and a.attempt_no = r.attempts
        where r.run_id = is_worked.run_id
    ), false);
$$;

comment on function jobs.is_worked(bigint) is
'Whether the session of the run''s last attempt holds the job''s lock still: nobody else works the run.';

create or replace function jobs.end_overdue()
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run record;
    v_pid integer;
    v_ended integer := 0;
begin
    for v_run in
        select r.run_id, r.cancels, j.job_no
        from jobs.runs as r
        inner join jobs.jobs as j on j.job_name = r.job_name
        where r.deadline_at <= pg_catalog.clock_timestamp()
        -- The row locked, its session can neither end the run nor begin another one meanwhile.
        for update of r skip locked
    loop
        continue when not jobs.is_worked(v_run.run_id);
        v_pid := jobs.holder(v_run.job_no);
        begin
            -- Who catches being cancelled and goes on is not asked for ever.
            perform case
                when v_run.cancels < 6 then pg_catalog.pg_cancel_backend(v_pid)
                else pg_catalog.pg_terminate_backend(v_pid)
            end;
        exception
            -- A superuser's session is beyond the watcher; the others' are watched all the same.
            when insufficient_privilege then
                raise log 'run % is over its time limit, but server process % may not be cancelled: %',
                    v_run.run_id, v_pid, sqlerrm;
        end;
        update jobs.runs as r
        set cancels = r.cancels + 1
        where r.run_id = v_run.run_id;
        v_ended := v_ended + 1;
    end loop;
    return v_ended;
end;
$$;

comment on function jobs.end_overdue() is
'Cancels the sessions whose run is over its limit; terminates one that was cancelled six times in vain. A
superuser''s, which it may not end, it writes to the log and leaves.';

create or replace function jobs.mark_crashed()
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jobs.runs;
    v_job jobs.jobs;
    v_run_id bigint;
    v_marked integer := 0;
begin
    for v_run_id in
        select r.run_id
        from jobs.runs as r
        where r.deadline_at is not null
        order by r.run_id
    loop
        select j.* into v_job
        from jobs.runs as r
        inner join jobs.jobs as j on j.job_name = r.job_name
        where r.run_id = v_run_id;
        -- With the job's lock, if it is free, nobody begins with the job meanwhile.
        perform pg_catalog.pg_try_advisory_xact_lock(core.job_locks(), v_job.job_no);
        continue when jobs.is_worked(v_run_id);
        select * into v_run
        from jobs.runs as r
        where r.run_id = v_run_id and r.status = 'running'
        for update skip locked;
        -- The row locked, its session can neither have ended nor begun it since.
        continue when not found or jobs.is_worked(v_run_id);
        if v_run.cancels > 0 and jobs.has_progress(v_run_id) then
            -- Cancelled between two slices, where nothing could record it.
            perform jobs.interrupt(v_run);
            v_marked := v_marked + 1;
            continue;
        end if;
        update jobs.attempts as a
        set
            status = case when v_run.cancels > 0 then 'timed_out' else 'crashed' end,
            finished_at = pg_catalog.clock_timestamp(),
            message = 'the session that ran it is gone'
        where a.run_id = v_run_id and a.status = 'running';
        perform jobs.try_again_or_fail(
            v_run, v_job,
            v_run.cancels = 0 or 'timeout' = any (v_job.retry_on),
            case when v_run.cancels > 0 then 'timed_out' else 'crashed' end,
            case
                when v_run.cancels > 0 then pg_catalog.format('longer than %s', v_job.time_limit)
                else 'the session that ran it is gone'
            end
        );
        v_marked := v_marked + 1;
    end loop;
    return v_marked;
end;
$$;

comment on function jobs.mark_crashed() is
'Finds the runs whose session is gone, and queues their slot again by the job''s attempts, or fails them.';

create or replace procedure jobs.watch(seconds numeric default 60.2)
language plpgsql
as $$
-- A procedure that commits may neither be definer nor set search_path: it holds the loop, no more.
declare
    v_ends timestamptz := pg_catalog.date_trunc('minute', pg_catalog.clock_timestamp())
        + pg_catalog.make_interval(secs => seconds::double precision);
begin
    loop
        commit;
        perform jobs.record_heartbeat('watch');
        commit;
        perform jobs.end_overdue();
        commit;
        perform jobs.mark_crashed();
        commit;
        exit when pg_catalog.clock_timestamp() >= v_ends;
        perform pg_catalog.pg_sleep(0.5);
    end loop;
end;
$$;

comment on procedure jobs.watch is
'Every half second until this second of the minute: ends runs over their time limit, finds those that
crashed. What pg_cron calls each minute.';
