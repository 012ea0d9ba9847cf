-- Missed slots: caught up by policy, or accounted for with cause and reason. None is forgotten.
-- needs: giving_up
create or replace function jobs.rewind(job jobs.jobs, until timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    delete from jobs.missed_slots as m
    where m.job_name = job.job_name and m.first_slot_at > rewind.until;
    with kept as (
        select m.first_slot_at, max(s.slot_at) as last_slot_at, count(*) as slots
        from jobs.missed_slots as m
        cross join lateral jobs.slots_between(
            m.job_name, m.first_slot_at - interval '1 microsecond', rewind.until
        ) as s (slot_at)
        where m.job_name = job.job_name and m.last_slot_at > rewind.until
        group by m.first_slot_at
    )

    update jobs.missed_slots as m
    set last_slot_at = k.last_slot_at, slots = k.slots
    from kept as k
    where m.job_name = job.job_name and m.first_slot_at = k.first_slot_at;
    select jobs.advance(job, rewind.until);
$$;

comment on function jobs.rewind(jobs.jobs, timestamptz) is
'After the clock was put back: what was kept as missed of moments that are to come again is taken back.';

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
    -- Somebody else may have accounted for more, meanwhile.
    if v_job.reconciled_until >= reconcile.until then
        if v_job.reconciled_until > core.wall_clock() then
            perform jobs.rewind(v_job, reconcile.until);
        end if;
        return 0;
    end if;

    with all_slots as (
        select
            s.slot_at,
            row_number() over (order by s.slot_at) as place,
            exists (
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
                when v_job.catch_up = 'latest' and (s.newest > 1 or jobs.has_newer_run(v_job, s.slot_at)) then 'superseded'
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
                else jobs.cause_of_missing(v_job, min(i.slot_at), max(i.slot_at))
            end,
            i.reason,
            pg_catalog.clock_timestamp()
        from islands as i
        group by i.reason, i.island
        returning *
    ),

    events as (
        insert into jobs.events (happened_at, kind, job_name, details)
        select pg_catalog.clock_timestamp(), 'missed', m.job_name, jobs.missed_details(m)
        from missed as m
        where m.reason <> 'off'
    )

    select count(*) into v_queued
    from queued;

    perform jobs.advance(v_job, reconcile.until);
    return v_queued;
end;
$$;

comment on function jobs.reconcile(text, timestamptz, boolean) is
'Accounts for every slot of the job up to this moment that has no run: queues what its policy catches up,
keeps the rest as missed; off: all of it, as switched off. Returns how many it queued.';

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
        -- A declaration and a pass of catch_up do not wait for each other here: the next pass sees to the rest.
        for update of w skip locked
    );
$$;

comment on function jobs.fail_undeclared() is 'What waits for a job that is gone will not run: it has failed.';

create or replace function jobs.reconcile_overdue()
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A wake-up may come some seconds late; a slot is missed when the minute after it has passed, too.
    v_until timestamptz := core.now() - interval '90 seconds';
    v_clock timestamptz := core.wall_clock();
    v_job jobs.jobs;
    v_reconciled integer := 0;
begin
    -- What was under way when its job was removed waits since, perhaps.
    perform jobs.fail_undeclared();
    if not jobs.is_live() then
        return 0;
    end if;
    for v_job in
        select j.*
        from jobs.jobs as j
        where (j.next_slot_at <= v_until or j.reconciled_until > v_clock) and jobs.is_on(j)
        order by j.next_slot_at
    loop
        -- What comes while a job runs is reconciled as one when it is done: which slot is the latest shows then.
        continue when v_job.catch_up = 'latest' and jobs.holder(v_job.job_no) is not null;
        begin
            perform jobs.reconcile(v_job.job_name, v_until);
            v_reconciled := v_reconciled + 1;
        exception
            -- A zone that the server no longer knows, say, holds up its own job only.
            when others then
                raise warning 'the slots of job % cannot be accounted for: %', v_job.job_name, sqlerrm;
        end;
    end loop;
    return v_reconciled;
end;
$$;

comment on function jobs.reconcile_overdue() is
'Accounts for the slots of all jobs that nobody ran within a minute and a half. Returns how many jobs had any.';
