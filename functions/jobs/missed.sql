-- Missed slots: each one is caught up, by the job's policy, or recorded with cause and reason.
-- Locks: the job's row, several in the order of the jobs' names; then runs and missed slots.
-- needs: expiry
create or replace function jobs.rewind_cursor(job jobs.jobs, until timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    delete from jobs.missed_slots as m
    where m.job_name = job.job_name and m.first_slot_at > rewind_cursor.until;
    with kept as (
        select m.first_slot_at, max(s.slot_at) as last_slot_at, count(*) as slots
        from jobs.missed_slots as m
        cross join lateral jobs.slots_between(
            m.job_name, m.first_slot_at - interval '1 microsecond', rewind_cursor.until
        ) as s (slot_at)
        where m.job_name = job.job_name and m.last_slot_at > rewind_cursor.until
        group by m.first_slot_at
    )

    update jobs.missed_slots as m
    set last_slot_at = k.last_slot_at, slots = k.slots
    from kept as k
    where m.job_name = job.job_name and m.first_slot_at = k.first_slot_at;
    select jobs.advance_cursor(job, rewind_cursor.until);
$$;

comment on function jobs.rewind_cursor(jobs.jobs, timestamptz) is
e'Deletes what was recorded as missed after a moment, when the clock was put back.\n\n'
'Those slots come again. The cursor is set to the moment.';

create or replace function jobs.reconcile(job_name text, until timestamptz, off boolean default false)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.jobs;
    v_queued integer;
begin
    select * into v_job
    from jobs.jobs as j
    where j.job_name = reconcile.job_name
    for no key update;
    -- Another session may have accounted for more while this one waited for the row.
    if v_job.reconciled_until >= reconcile.until then
        if v_job.reconciled_until > core.wall_clock() then
            perform jobs.rewind_cursor(v_job, reconcile.until);
        end if;
        return 0;
    end if;

    with all_slots as (
        select
            s.slot_at,
            row_number() over (order by s.slot_at) as place,
            s.slot_at <= v_job.purged_until or exists (
                select
                from jobs.runs as r
                where r.job_name = reconcile.job_name and r.slot_at = s.slot_at
            ) as has_run
        from jobs.slots_between(reconcile.job_name, v_job.reconciled_until, reconcile.until) as s (slot_at)
    ),

    open_slots as (
        select s.slot_at, s.place, row_number() over (order by s.slot_at desc) as newest
        from all_slots as s
        where not s.has_run
    ),

    judged as (
        select
            s.slot_at,
            s.place,
            case
                when reconcile.off or not jobs.is_on(v_job) then 'off'
                when v_job.catch_up = 'skip' then 'skip'
                when s.slot_at < core.now() - v_job.catch_up_age then 'too_old'
                when v_job.catch_up = 'latest' and (s.newest > 1 or jobs.has_newer_run(v_job, s.slot_at))
                    then 'superseded'
                when s.newest > v_job.catch_up_count then 'too_many'
            end as reason
        from open_slots as s
    ),

    queued as (
        insert into jobs.runs (job_name, slot_at, status, trigger, due_at, late)
        select reconcile.job_name, d.slot_at, 'queued', 'catch_up', pg_catalog.clock_timestamp(), true
        from judged as d
        where d.reason is null
        on conflict on constraint runs_job_name_slot_at_key do nothing
        returning slot_at
    ),

    islands as (
        select d.slot_at, d.reason, d.place - row_number() over (partition by d.reason order by d.place) as island
        from judged as d
        where d.reason is not null
    ),

    missed as (
        insert into jobs.missed_slots (
            job_name, first_slot_at, last_slot_at, slots, cause, reason, noted_at
        )
        select
            reconcile.job_name,
            min(i.slot_at),
            max(i.slot_at),
            count(*),
            case
                when i.reason = 'off' then 'off'
                else jobs.cause_of_miss(v_job, min(i.slot_at), max(i.slot_at))
            end,
            i.reason,
            pg_catalog.clock_timestamp()
        from islands as i
        group by i.reason, i.island
        returning *
    ),

    events as (
        insert into jobs.events (happened_at, kind, job_name, details)
        select pg_catalog.clock_timestamp(), 'missed', m.job_name, jobs.missed_event_details(m)
        from missed as m
        where m.reason <> 'off'
    )

    select count(*) into v_queued
    from queued;

    perform jobs.advance_cursor(v_job, reconcile.until);
    return v_queued;
end;
$$;

comment on function jobs.reconcile(text, timestamptz, boolean) is
e'Accounts for every slot of the job up to a moment that has no run.\n\n'
'Queues what the job''s policy catches up, and records the rest as missed; with off, all of it as switched off. '
'Returns how many slots it queued.';

create or replace function jobs.fail_undeclared()
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    update jobs.runs as r
    set
        status = 'failed',
        due_at = null,
        finished_at = pg_catalog.clock_timestamp(),
        reason = 'the job is no longer declared'
    where r.run_id in (
        select w.run_id
        from jobs.runs as w
        inner join jobs.jobs as j on j.job_name = w.job_name
        where j.removed_at is not null and w.due_at is not null
        -- A declaration and catch_up do not wait for each other; the next pass of catch_up fails what is skipped here.
        for update of w skip locked
    );
$$;

comment on function jobs.fail_undeclared() is 'Fails the waiting and queued runs of jobs that are no longer declared.';

create or replace function jobs.reconcile_overdue()
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A wake-up may come some seconds late: a slot is missed when the minute after it has passed as well.
    v_until timestamptz := core.now() - interval '90 seconds';
    v_clock timestamptz := core.wall_clock();
    v_job jobs.jobs;
    v_reconciled integer := 0;
begin
    -- A run that was under way when its job was removed may wait for another attempt now.
    perform jobs.fail_undeclared();
    if not jobs.is_live() then
        return 0;
    end if;
    for v_job in
        select j.*
        from jobs.jobs as j
        where (j.next_slot_at <= v_until or j.reconciled_until > v_clock) and jobs.is_on(j)
        order by j.job_name
    loop
        -- Slots that come while the job runs are accounted for when it is done, when it is known which is the latest.
        continue when v_job.catch_up = 'latest' and jobs.lock_holder(v_job.job_no) is not null;
        begin
            perform jobs.reconcile(v_job.job_name, v_until);
            v_reconciled := v_reconciled + 1;
        exception
            -- One job must not hold up the others, for instance by a zone that the server no longer knows.
            when others then
                raise warning 'the slots of job % cannot be accounted for: %', v_job.job_name, sqlerrm;
        end;
    end loop;
    return v_reconciled;
end;
$$;

comment on function jobs.reconcile_overdue() is
e'Accounts for the slots of all jobs that nobody ran within a minute and a half.\n\n'
'Returns how many jobs it accounted for.';
