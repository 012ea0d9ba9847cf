-- Locks: the session that runs a job holds the job's advisory lock, through commits and until it ends.
-- core/locks.sql says who else takes it, and in which order.
create or replace function jobs.lock_job(job_name text)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_no integer;
begin
    select j.job_no into v_job_no
    from jobs.jobs as j
    where j.job_name = lock_job.job_name and j.removed_at is null;
    if not found then
        perform core.raise('job_not_found', pg_catalog.jsonb_build_object('job', lock_job.job_name));
    end if;
    return case when pg_catalog.pg_try_advisory_lock(core.job_locks(), v_job_no) then v_job_no end;
end;
$$;

comment on function jobs.lock_job(text) is
e'Takes the job''s lock for this session and returns the job''s number.\n\n'
'Null: another session has it. Errors: job_not_found.';

create or replace function jobs.unlock_job(job_no integer)
returns boolean
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pg_catalog.pg_advisory_unlock(core.job_locks(), job_no);
$$;

comment on function jobs.unlock_job(integer) is 'Gives a job''s lock back; false when this session did not have it.';

create or replace function jobs.reacquire_lock(kind integer, number integer)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    -- The routine may have given it back; then the first line only warns, and the second takes it.
    select pg_catalog.pg_advisory_unlock(kind, number);
    select pg_catalog.pg_advisory_lock(kind, number);
$$;

comment on function jobs.reacquire_lock(integer, integer) is
e'Makes sure that this session has a lock beyond the end of its transaction.\n\n'
'It has the lock of the transaction already. After this the session holds the lock exactly once.';

create or replace function jobs.session_began_at(server_process integer)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select a.backend_start from pg_catalog.pg_stat_get_activity(session_began_at.server_process) as a;
$$;

comment on function jobs.session_began_at(integer) is
e'When the session of a server process began.\n\n'
'Null when there is none, or when it is of a role whose sessions the owner may not see, as a superuser''s.';

create or replace function jobs.lock_holder(job_no integer)
returns integer
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select l.pid
    from pg_catalog.pg_locks as l
    where l.locktype = 'advisory'
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
        and l.classid = core.job_locks()::oid
        and l.objid = lock_holder.job_no::oid
        and l.objsubid = 2
        and l.granted;
$$;

comment on function jobs.lock_holder(integer) is 'The server process that holds the job''s lock, or null.';
