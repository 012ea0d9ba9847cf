-- Giving up: why a slot did not run, and what waited for its turn and will not get it.
-- needs: leases
create or replace function jobs.cause_of_missing(job jobs.jobs, first_slot_at timestamptz, last_slot_at timestamptz)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when exists (
            select
            from jobs.outages as o
            where o.began_at <= cause_of_missing.last_slot_at and o.ended_at >= cause_of_missing.first_slot_at
        ) then 'down'
        when exists (
            select
            from (
                -- Not all of the history: with a hundred slots run since, an older one kept it from none.
                select *
                from jobs.runs as e
                where e.job_name = job.job_name and e.slot_at < cause_of_missing.first_slot_at
                order by e.slot_at desc
                limit 100
            ) as r
            inner join jobs.attempts as a on a.run_id = r.run_id
            -- Attempts are in real time, slots by core.now(). What its schedule woke began at its slot.
            where coalesce(a.finished_at, 'infinity') + case
                when r.trigger = 'schedule' then r.slot_at - r.queued_at
                else core.now() - pg_catalog.statement_timestamp()
            end >= cause_of_missing.first_slot_at
        ) then 'busy'
        else 'not_woken'
    end;
$$;

comment on function jobs.cause_of_missing(jobs.jobs, timestamptz, timestamptz) is
'Why nobody ran these slots in time: down, busy with an earlier slot, or not_woken.';

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
'Whether a later slot of the job has a run already, so that by policy latest an earlier one needs none.';

create or replace function jobs.missed_details(missed jobs.missed_slots)
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

comment on function jobs.missed_details(jobs.missed_slots) is 'What the event of missed slots says.';

create or replace function jobs.give_up(job jobs.jobs, before timestamptz, reason text)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    with given_up as (
        delete from jobs.runs as r
        where r.job_name = job.job_name
            and r.slot_at < give_up.before
            and r.trigger = 'catch_up'
            -- Not what has begun, nor what a person asked for.
            and r.status = 'queued'
            and r.requested_by is null
        returning r.slot_at
    ),

    missed as (
        insert into jobs.missed_slots (job_name, first_slot_at, last_slot_at, slots, cause, reason, noted_at)
        select
            job.job_name, g.slot_at, g.slot_at, 1, jobs.cause_of_missing(job, g.slot_at, g.slot_at), give_up.reason,
            pg_catalog.clock_timestamp()
        from given_up as g
        returning *
    )

    insert into jobs.events (happened_at, kind, job_name, details)
    select m.noted_at, 'missed', m.job_name, jobs.missed_details(m)
    from missed as m;
$$;

comment on function jobs.give_up(jobs.jobs, timestamptz, text) is
'Missed slots before this moment that still wait for their turn are not caught up after all, for this reason.';

create or replace function jobs.give_up_old(job jobs.jobs)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select jobs.give_up(job, core.now() - job.catch_up_age, 'too_old');

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

comment on function jobs.give_up_old(jobs.jobs) is
'What waited while the job was off, and is now older than what it catches up, does not run: missed, or failed.';
