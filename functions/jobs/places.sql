-- Places: how many runs pg_cron's lines may make at once, so that jobs which hang leave slots to the watcher and to others.
-- Locks: a place (tried), held with the job's lock by the session that runs the job.
-- needs: locks watching
create or replace function jobs.keeps_timing_out(job_name text)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with tried as (
        select a.status, row_number() over (order by a.started_at desc) as place
        from jobs.runs as r
        inner join jobs.attempts as a on a.run_id = r.run_id
        where r.job_name = keeps_timing_out.job_name
            -- Implied by the attempt's start below; this one has an index.
            and (r.finished_at is null or r.finished_at > pg_catalog.statement_timestamp() - interval '1 day')
            and a.status in ('timed_out', 'succeeded')
            and a.started_at > pg_catalog.statement_timestamp() - interval '1 day'
    )

    -- After three attempts in a row that succeeded, it no longer times out.
    select count(*) >= 2 and min(t.place) <= 3
    from tried as t
    where t.status = 'timed_out';
$$;

comment on function jobs.keeps_timing_out(text) is
'Whether the job timed out twice within a day, and has not succeeded three times since.';

create or replace function jobs.lock_place(job_name text)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_places integer := core.setting_integer('jobs.concurrent_runs');
begin
    -- Jobs that hang share half of the places, so that they cannot keep those that work from running.
    if v_places > 1 and jobs.keeps_timing_out(lock_place.job_name) then
        v_places := v_places / 2;
    end if;
    for v_place in 1 .. v_places loop
        if pg_catalog.pg_try_advisory_lock(core.place_locks(), v_place) then
            return v_place;
        end if;
    end loop;
    perform jobs.record_heartbeat('crowded');
    return null;
end;
$$;

comment on function jobs.lock_place(text) is
e'Takes a place for a run of a job for this session, and returns its number.\n\n'
'There are jobs.concurrent_runs, fewer than pg_cron has slots: the watcher and catch_up, which need none, are never kept '
'out by the jobs that they guard. Null: all are taken, and this is recorded for the doctor.';

create or replace function jobs.unlock_place(place integer)
returns boolean
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pg_catalog.pg_advisory_unlock(core.place_locks(), place);
$$;

comment on function jobs.unlock_place(integer) is 'Gives a place for a run back; false when this session did not have it.';

create or replace function jobs.held_place()
returns integer
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select min(l.objid::bigint)::integer
    from pg_catalog.pg_locks as l
    where l.locktype = 'advisory'
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
        and l.classid = core.place_locks()::oid
        and l.objsubid = 2
        and l.pid = pg_catalog.pg_backend_pid();
$$;

comment on function jobs.held_place() is 'The place that this session holds, null for catch_up, which needs none.';
