-- Leases: the session that holds the job's lock takes a run, in a committed row that other sessions see.
-- Locks: the caller holds the job's lock; then the job's row, then the run's.
-- needs: events requirements slots
create or replace function jobs.advance_cursor(job jobs.jobs, reconciled_until timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    update jobs.jobs as j
    set
        reconciled_until = advance_cursor.reconciled_until,
        next_slot_at = jobs.next_slot(job.job_name, advance_cursor.reconciled_until)
    where j.job_name = job.job_name;
$$;

comment on function jobs.advance_cursor(jobs.jobs, timestamptz) is
'Sets the moment up to which every slot of the job is accounted for.';

create or replace function jobs.start_run(run_id bigint, trigger text)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.jobs;
    v_missing text[];
begin
    select j.* into v_job
    from jobs.runs as r
    inner join jobs.jobs as j on j.job_name = r.job_name
    where r.run_id = start_run.run_id;
    v_missing := jobs.missing_requirements(v_job);
    if v_missing is not null then
        update jobs.runs as r
        set
            status = 'skipped',
            due_at = null,
            deadline_at = null,
            finished_at = pg_catalog.clock_timestamp(),
            reason = 'missing: ' || pg_catalog.array_to_string(v_missing, ', ')
        where r.run_id = start_run.run_id;
        perform jobs.record_event(
            'skipped', start_run.run_id, pg_catalog.jsonb_build_object('missing', v_missing)
        );
        return null;
    end if;

    update jobs.runs as r
    set
        status = 'running',
        due_at = null,
        deadline_at = pg_catalog.clock_timestamp() + v_job.time_limit,
        started_at = coalesce(r.started_at, pg_catalog.clock_timestamp()),
        cancels = 0
    where r.run_id = start_run.run_id;
    perform jobs.start_attempt(start_run.run_id, start_run.trigger);
    return start_run.run_id;
end;
$$;

comment on function jobs.start_run(bigint, text) is
e'Starts a leased run and its next attempt, with the job''s time limit from now.\n\n'
'Returns run_id; null when a requirement is missing, and the run is skipped.';

create or replace function jobs.start_attempt(run_id bigint, trigger text)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    with counted as (
        update jobs.runs as r
        set attempts = r.attempts + 1
        where r.run_id = start_attempt.run_id
        returning r.run_id, r.attempts
    )

    insert into jobs.attempts (run_id, attempt_no, status, trigger, started_at, server_process, session_began_at)
    select
        c.run_id, c.attempts, 'running', start_attempt.trigger, pg_catalog.clock_timestamp(),
        pg_catalog.pg_backend_pid(), jobs.session_began_at(pg_catalog.pg_backend_pid())
    from counted as c;
$$;

comment on function jobs.start_attempt(bigint, text) is 'Starts the next attempt of a run, by this session.';

create or replace function jobs.lease_due(job_name text)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
    v_job jobs.jobs;
    v_slot timestamptz;
    v_late boolean;
    v_run_id bigint;
begin
    select * into v_job
    from jobs.jobs as j
    where j.job_name = lease_due.job_name
    for no key update;
    -- Nothing is due, as at most wake-ups. When the cursor is ahead of the clock, the clock was put back, and the next
    -- slot may come earlier than next_slot_at.
    if v_job.next_slot_at > v_now and v_job.reconciled_until <= v_now then
        return null;
    end if;
    if not jobs.is_on(v_job) then
        return null;
    end if;
    v_slot := jobs.latest_slot(lease_due.job_name, v_now);
    -- A wake-up comes within 90 seconds of its slot. After that catch_up decides, unless the job still wants the slot.
    -- A slot that is recorded as missed does not run when the clock is put back.
    v_late := v_slot < v_now - interval '90 seconds';
    if v_slot is null
        or v_slot <= v_job.purged_until
        or v_late and (v_job.catch_up = 'skip' or v_slot < v_now - v_job.catch_up_age)
        or exists (
            select
            from jobs.missed_slots as m
            where m.job_name = lease_due.job_name and v_slot between m.first_slot_at and m.last_slot_at
        ) then
        return null;
    end if;

    insert into jobs.runs (job_name, slot_at, status, trigger, due_at, late)
    values (lease_due.job_name, v_slot, 'queued', 'schedule', pg_catalog.clock_timestamp(), v_late)
    on conflict on constraint runs_job_name_slot_at_key do nothing
    returning run_id into v_run_id;
    -- If slots before this one were missed, the cursor stays for catch_up to account for them.
    if v_job.next_slot_at = v_slot then
        perform jobs.advance_cursor(v_job, v_slot);
    end if;
    if v_run_id is null then
        return null;
    end if;
    if v_job.catch_up = 'latest' then
        perform jobs.discard_queued(v_job, v_slot, 'superseded');
    end if;
    return jobs.start_run(v_run_id, 'schedule');
end;
$$;

comment on function jobs.lease_due(text) is
e'Leases the job''s slot that is due, for the session that holds the job''s lock.\n\n'
'Returns the run. Null: the slot was leased before, none is due, it is too late for it, the job is off, or a '
'requirement is missing. Errors: job_not_found.';
