-- Renames: a job whose declaration says `was` keeps its row, with lock number, switch and cursor, and its history.
-- Locks: both jobs' rows, the lock of a job whose row goes (tried), then runs, missed slots, events. Whoever writes
-- history holds the job's row or the run's, so that it is moved, or is written under the new name.
create or replace function jobs.merge_history(old_name text, new_name text, kept_name text)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    -- The kept job's run that is under way stays, and else the one that succeeded, so that no slot takes effect again.
    with ranked as (
        select
            r.run_id,
            row_number() over (
                partition by r.slot_at
                order by
                    r.status = 'running' and r.job_name = kept_name desc,
                    r.status = 'succeeded' desc,
                    r.job_name = kept_name desc
            ) as place
        from jobs.runs as r
        where r.job_name in (old_name, new_name)
    )

    delete from jobs.runs as r
    using ranked as d
    where r.run_id = d.run_id and d.place > 1;

    delete from jobs.missed_slots as m
    using jobs.missed_slots as k
    where m.job_name in (old_name, new_name)
        and m.job_name <> kept_name
        and k.job_name = kept_name
        and k.first_slot_at = m.first_slot_at;
$$;

comment on function jobs.merge_history(text, text, text) is
e'Leaves one run and one row of missed slots where two jobs have one of the same moment.\n\n'
'kept_name: the job whose row in jobs.jobs stays.';

create or replace function jobs.keep_one_row(old_job jobs.jobs, new_job jobs.jobs)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- The row of the job that is declared, or was declared last, has the switch, cursor and lock number that count.
    v_keep_new boolean := new_job.removed_at is null
        or coalesce(new_job.removed_at > old_job.removed_at, false);
    v_kept jobs.jobs := case when v_keep_new then new_job else old_job end;
    v_dropped jobs.jobs := case when v_keep_new then old_job else new_job end;
begin
    -- The session that works on a run is found by the job's lock number, and this number goes.
    if not pg_catalog.pg_try_advisory_xact_lock(core.job_locks(), v_dropped.job_no) then
        raise exception 'job % is running, and its history cannot be joined to that of %',
            v_dropped.job_name, v_kept.job_name
            using errcode = 'lock_not_available', hint = 'Migrate again when its run has ended.';
    end if;
    perform jobs.merge_history(old_job.job_name, new_job.job_name, v_kept.job_name);
    update jobs.jobs as j
    set purged_until = greatest(j.purged_until, v_dropped.purged_until)
    where j.job_name = v_kept.job_name;
    delete from jobs.jobs as j
    where j.job_name = v_dropped.job_name;
end;
$$;

comment on function jobs.keep_one_row(jobs.jobs, jobs.jobs) is
e'Deletes one of the rows of two jobs that become one, and what both have in their histories.\n\n'
'Errors: 55P03 while a session runs the job whose row goes.';

create or replace function jobs.rename_job(old_name text, new_name text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old jobs.jobs;
    v_new jobs.jobs;
begin
    select * into v_old
    from jobs.jobs as j
    where j.job_name = rename_job.old_name
    for update;
    -- It was renamed before, or this database never had it.
    if not found then
        return;
    end if;
    select * into v_new
    from jobs.jobs as j
    where j.job_name = rename_job.new_name
    for update;
    if found then
        perform jobs.keep_one_row(v_old, v_new);
    end if;
    update jobs.jobs as j
    set job_name = rename_job.new_name
    where j.job_name = rename_job.old_name;

    update jobs.runs as r
    set job_name = rename_job.new_name
    where r.job_name = rename_job.old_name;
    update jobs.missed_slots as m
    set job_name = rename_job.new_name
    where m.job_name = rename_job.old_name;
    update jobs.events as e
    set job_name = rename_job.new_name
    where e.job_name = rename_job.old_name;
end;
$$;

comment on function jobs.rename_job(text, text) is
e'Gives a job another name, with its history, its switch and its cursor.\n\n'
'Nothing happens when there is no such job, so that it happens once. When there is a job of the new name already, the '
'two become one: the row that is declared stays, and of two runs of one slot the one that succeeded. A run under way '
'goes on, since its lock is the job''s number. Errors: 55P03 while a session runs the job whose row goes.';
