-- Catching up: triggered runs, late retries and missed slots are worked off, one slice of each job in turn.
-- Locks: the job's lock (tried), the job's row, the run's row.
-- needs: missed pg_cron work
create or replace function jobs.lease_waiting()
returns table (run_id bigint, job_no integer)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text;
    v_run record;
begin
    for v_name in
        select j.job_name
        from jobs.jobs as j
        where j.removed_at is null and exists (
            select
            from jobs.runs as r
            where r.job_name = j.job_name and r.due_at <= pg_catalog.clock_timestamp()
                -- A job that is switched off runs when somebody asks for it, and not by its schedule.
                and (jobs.is_on(j) or r.trigger not in ('schedule', 'catch_up') or r.requested_by is not null)
        )
        order by j.served_at, j.job_name
    loop
        job_no := jobs.lock_job(v_name);
        continue when job_no is null;
        update jobs.jobs as j
        set served_at = pg_catalog.clock_timestamp()
        where j.job_name = v_name;
        select r.run_id, case when r.status = 'waiting' then 'retry' else r.trigger end as trigger into v_run
        from jobs.runs as r
        inner join jobs.jobs as j on j.job_name = r.job_name
        where r.job_name = v_name and r.due_at <= pg_catalog.clock_timestamp()
            and (jobs.is_on(j) or r.trigger not in ('schedule', 'catch_up') or r.requested_by is not null)
        order by r.slot_at
        limit 1
        for update of r;
        if not found then
            -- Another session worked it off before this one had the lock.
            perform jobs.unlock_job(job_no);
            continue;
        end if;
        run_id := jobs.start_run(v_run.run_id, v_run.trigger);
        return next;
        return;
    end loop;
end;
$$;

comment on function jobs.lease_waiting() is
e'Leases the oldest due run of the job whose turn it is, and takes the job''s lock.\n\n'
'The turn is that of the job that was served longest ago. The session gives the lock back with jobs.unlock_job. '
'run_id is null when a requirement was missing and the run was skipped. No row: nothing is due.';

create or replace function jobs.requeue_run(run_id bigint, wait interval)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if wait is null or not exists (
        select
        from jobs.runs as r
        inner join jobs.jobs as j on j.job_name = r.job_name
        -- pg_cron's role may call this, and may do so only for a run that its session has leased.
        where r.run_id = requeue_run.run_id and jobs.lock_holder(j.job_no) = pg_catalog.pg_backend_pid()
    ) then
        return;
    end if;
    update jobs.attempts as a
    set status = 'interrupted', finished_at = pg_catalog.clock_timestamp()
    where a.run_id = requeue_run.run_id and a.status = 'running';
    update jobs.runs as r
    set
        status = 'waiting',
        due_at = pg_catalog.clock_timestamp() + wait,
        deadline_at = null,
        reason = 'to be continued'
    where r.run_id = requeue_run.run_id and r.status = 'running';
end;
$$;

comment on function jobs.requeue_run(bigint, interval) is
e'Puts a run that has more to do back into the queue, until after this wait.\n\n'
'wait: what jobs.work returned; null when the run has ended, and nothing happens. Nothing happens either for a run '
'that this session does not hold.';

create or replace procedure jobs.catch_up(seconds integer default 55)
language plpgsql
as $$
-- A procedure that commits may neither be definer nor set search_path: it holds the loop alone.
declare
    v_ends timestamptz := pg_catalog.date_trunc('minute', pg_catalog.clock_timestamp())
        + pg_catalog.make_interval(secs => seconds);
    v_run_id bigint;
    v_job_no integer;
begin
    commit;
    begin
        -- What was switched within a security definer function has no line yet, or still has one.
        perform jobs.sync_pg_cron();
    exception
        when others then
            raise warning 'pg_cron''s lines cannot be brought in step: %', sqlerrm;
    end;
    commit;
    loop
        perform jobs.record_heartbeat('catch_up');
        perform jobs.reconcile_overdue();
        commit;
        loop
            v_job_no := null;
            select c.run_id, c.job_no into v_run_id, v_job_no from jobs.lease_waiting() as c;
            commit;
            exit when v_job_no is null;
            if v_run_id is not null then
                perform jobs.requeue_run(v_run_id, jobs.work(v_run_id));
                commit;
                -- What a job has set for its session does not reach the next job.
                reset all;
                commit;
            end if;
            perform jobs.unlock_job(v_job_no);
            exit when seconds > 0 and pg_catalog.clock_timestamp() >= v_ends;
        end loop;
        exit when pg_catalog.clock_timestamp() >= v_ends - interval '1 second';
        perform pg_catalog.pg_sleep(1);
        commit;
    end loop;
end;
$$;

comment on procedure jobs.catch_up is
e'Brings pg_cron''s lines in step, accounts for missed slots and works off the queue.\n\n'
'It goes on until this second of the minute; with 0 it goes once through the queue as it is.';
