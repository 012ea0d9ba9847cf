-- Watching: ends runs that are over their time limit, and finds runs that crashed. It runs no business code.
-- Locks: the run's row (skipped when it is locked); mark_crashed before that the job's lock (tried).
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
        -- pg_cron woke nobody for longer than a wake-up may be late: neither the watcher nor the jobs.
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
e'Records that the watcher or catch_up is alive.\n\n'
'name: watch or catch_up; crowded when a run found no place. When the watcher was silent for more '
'than 90 seconds, it records an outage.';

create or replace function jobs.has_session(run_id bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- When the run's session is gone, another one may hold the job's lock, for another slot.
    select coalesce((
        select jobs.lock_holder(j.job_no) = a.server_process
            -- The process's id may have come to another session since.
            and jobs.session_began_at(a.server_process) is not distinct from a.session_began_at
        from jobs.runs as r
        inner join jobs.jobs as j on j.job_name = r.job_name
        inner join jobs.attempts as a on a.run_id = r.run_id and a.attempt_no = r.attempts
        where r.run_id = has_session.run_id
    ), false);
$$;

comment on function jobs.has_session(bigint) is
'Whether the session of the run''s last attempt still holds the job''s lock.';

create or replace function jobs.cancel_overdue()
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
        -- While the row is locked, the run's session can neither end it nor begin another one.
        for update of r skip locked
    loop
        continue when not jobs.has_session(v_run.run_id);
        v_pid := jobs.lock_holder(v_run.job_no);
        begin
            -- A routine that catches each cancel and goes on is terminated in the end.
            perform case
                when v_run.cancels < 6 then pg_catalog.pg_cancel_backend(v_pid)
                else pg_catalog.pg_terminate_backend(v_pid)
            end;
        exception
            -- The watcher may not cancel a superuser's session; it goes on with the other runs.
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

comment on function jobs.cancel_overdue() is
e'Cancels the sessions whose runs are over their limit, and returns how many.\n\n'
'A session that was cancelled six times and still works is terminated. One of a superuser''s, which the watcher may '
'not end, is left alone and written to the log.';

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
        -- If the job's lock is free, it is taken, so that nobody begins with the job meanwhile.
        perform pg_catalog.pg_try_advisory_xact_lock(core.job_locks(), v_job.job_no);
        continue when jobs.has_session(v_run_id);
        select * into v_run
        from jobs.runs as r
        where r.run_id = v_run_id and r.status = 'running'
        for update skip locked;
        -- Asked again, now that the row is locked: its session may have begun since.
        continue when not found or jobs.has_session(v_run_id);
        if v_run.cancels > 0 and jobs.has_progress(v_run_id) then
            -- It was cancelled between two slices, where no handler records it.
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
        perform jobs.retry_or_fail(
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
e'Ends the attempts whose sessions are gone, and queues their runs again or fails them.\n\n'
'As the job''s retry_on and attempts allow. Returns how many it found.';

create or replace procedure jobs.watch(seconds numeric default 60.2)
language plpgsql
as $$
-- A procedure that commits may neither be definer nor set search_path: it holds the loop alone.
declare
    v_ends timestamptz := pg_catalog.date_trunc('minute', pg_catalog.clock_timestamp())
        + pg_catalog.make_interval(secs => seconds::double precision);
begin
    loop
        commit;
        perform jobs.record_heartbeat('watch');
        commit;
        perform jobs.cancel_overdue();
        commit;
        perform jobs.mark_crashed();
        commit;
        exit when pg_catalog.clock_timestamp() >= v_ends;
        perform pg_catalog.pg_sleep(0.5);
    end loop;
end;
$$;

comment on procedure jobs.watch is
e'Ends runs over their time limit and finds runs that crashed, each minute by pg_cron.\n\n'
'It looks every half second, until this second after the minute began.';
