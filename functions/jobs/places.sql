-- Places: how many runs pg_cron's lines may make at once, so that jobs which hang leave slots to the watcher.
-- Locks: a place (tried), held with the job's lock by the session that runs the job.
-- needs: locks watching
create or replace function jobs.is_known_to_end(job_name text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select a.status <> 'timed_out'
        from (
            select r.run_id, r.attempts
            from jobs.runs as r
            where r.job_name = is_known_to_end.job_name and r.finished_at is not null
            order by r.finished_at desc
            limit 1
        ) as l
        inner join jobs.attempts as a on a.run_id = l.run_id and a.attempt_no = l.attempts
    ), false);
$$;

comment on function jobs.is_known_to_end(text) is
'Whether the run of the job that ended last did so within its time limit.';

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
    -- Half of the places are for jobs that are known to end, so that those which hang cannot keep them from running.
    if v_places > 1 and not jobs.is_known_to_end(lock_place.job_name) then
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
'There are jobs.concurrent_runs, fewer than pg_cron has slots: the watcher and catch_up, which need none, are never '
'kept out by the jobs that they guard. Null: all are taken, and this is recorded for the doctor.';

create or replace function jobs.unlock_place(place integer)
returns boolean
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pg_catalog.pg_advisory_unlock(core.place_locks(), place);
$$;

comment on function jobs.unlock_place(integer) is
'Gives a place for a run back; false when this session did not have it.';

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
