-- Expiry: runs that have waited for too long or are superseded end, and a slot that did not run has a cause.
-- Locks: the caller holds the job's row; then the runs.
-- needs: leases
create or replace function jobs.cause_of_miss(job jobs.jobs, first_slot_at timestamptz, last_slot_at timestamptz)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when exists (
            select
            from jobs.outages as o
            where o.began_at <= cause_of_miss.last_slot_at and o.ended_at >= cause_of_miss.first_slot_at
        ) then 'down'
        when exists (
            select
            from (
                -- The last hundred are enough: the job has run since, so that no older run has kept it busy.
                select *
                from jobs.runs as e
                where e.job_name = job.job_name and e.slot_at < cause_of_miss.first_slot_at
                order by e.slot_at desc
                limit 100
            ) as r
            inner join jobs.attempts as a on a.run_id = r.run_id
            -- Attempts are in real time, slots in the time of core.now(). How far the two are apart shows in a run
            -- that its schedule woke, which was queued at its slot.
            where coalesce(a.finished_at, 'infinity') + case
                when r.trigger = 'schedule' then r.slot_at - r.queued_at
                else core.now() - pg_catalog.statement_timestamp()
            end >= cause_of_miss.first_slot_at
        ) then 'busy'
        else 'not_woken'
    end;
$$;

comment on function jobs.cause_of_miss(jobs.jobs, timestamptz, timestamptz) is
e'Why nobody ran these slots in time.\n\n'
'down: nobody watched, since the server or pg_cron was down. busy: the job was still running an earlier slot. '
'not_woken: neither; its line did not wake it, or found every place for runs taken.';

create or replace function jobs.has_newer_run(job jobs.jobs, slot timestamptz)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
        from jobs.runs as r
        where r.job_name = job.job_name
            and r.slot_at > has_newer_run.slot
            and r.slot_at <= core.now()
            and r.trigger in ('schedule', 'catch_up')
    );
$$;

comment on function jobs.has_newer_run(jobs.jobs, timestamptz) is
e'Whether a later slot of the job has a run already.\n\n'
'By policy `latest`, an earlier slot then needs none.';

create or replace function jobs.missed_event_details(missed jobs.missed_slots)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select pg_catalog.jsonb_build_object(
        'first_slot_at', missed.first_slot_at, 'last_slot_at', missed.last_slot_at, 'slots', missed.slots,
        'cause', missed.cause, 'reason', missed.reason
    );
$$;

comment on function jobs.missed_event_details(jobs.missed_slots) is 'The details of the event of missed slots.';

create or replace function jobs.discard_queued(job jobs.jobs, before timestamptz, reason text)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    with discarded as (
        delete from jobs.runs as r
        where r.job_name = job.job_name
            and r.slot_at < discard_queued.before
            and r.trigger = 'catch_up'
            -- Runs that have begun and runs that a person asked for stay.
            and r.status = 'queued'
            and r.requested_by is null
        returning r.slot_at
    ),

    missed as (
        insert into jobs.missed_slots (job_name, first_slot_at, last_slot_at, slots, cause, reason, noted_at)
        select
            job.job_name, d.slot_at, d.slot_at, 1, jobs.cause_of_miss(job, d.slot_at, d.slot_at),
            discard_queued.reason, pg_catalog.clock_timestamp()
        from discarded as d
        returning *
    )

    insert into jobs.events (happened_at, kind, job_name, details)
    select m.noted_at, 'missed', m.job_name, jobs.missed_event_details(m)
    from missed as m;
$$;

comment on function jobs.discard_queued(jobs.jobs, timestamptz, text) is
e'Deletes the job''s queued runs of slots before a moment, and records the slots as missed.\n\n'
'Only runs that catch_up queued and that have not begun; what a person asked for stays. reason: as in '
'jobs.missed_slots.';

create or replace function jobs.expire_runs(job jobs.jobs)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select jobs.discard_queued(job, core.now() - job.catch_up_age, 'too_old');

    with failed as (
        update jobs.runs as r
        set
            status = 'failed',
            due_at = null,
            finished_at = pg_catalog.clock_timestamp(),
            reason = 'too old to be tried again: ' || r.reason
        where r.job_name = job.job_name
            and r.status = 'waiting'
            and r.trigger in ('schedule', 'catch_up')
            and r.requested_by is null
            and r.slot_at < core.now() - job.catch_up_age
        returning r.*
    )

    insert into jobs.events (happened_at, kind, job_name, run_id, details)
    select f.finished_at, 'failed', f.job_name, f.run_id, pg_catalog.jsonb_build_object('reason', f.reason)
    from failed as f;
$$;

comment on function jobs.expire_runs(jobs.jobs) is
e'Ends the job''s runs that wait for slots older than what it catches up.\n\n'
'They have waited while the job was off. Those that never began become missed slots, the others have failed.';
