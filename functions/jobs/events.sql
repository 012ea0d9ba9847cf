-- Events: failures, what did not run, recoveries. Alerts hang on them.
create or replace function jobs.note_event(kind text, job_name text, run_id bigint, details jsonb default '{}')
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    insert into jobs.events (happened_at, kind, job_name, run_id, details)
    values (pg_catalog.clock_timestamp(), kind, job_name, run_id, details);
$$;

comment on function jobs.note_event(text, text, bigint, jsonb) is 'Keeps an event, in the transaction of its cause.';

create or replace function jobs.is_failing(job_name text, before_run_id bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select r.status in ('failed', 'skipped')
        from jobs.runs as r
        where r.job_name = is_failing.job_name
            and r.status in ('succeeded', 'failed', 'skipped')
            and r.run_id <> is_failing.before_run_id
        order by r.finished_at desc
        limit 1
    ), false);
$$;

comment on function jobs.is_failing(text, bigint) is
'Whether the run of the job that ended last, beside the one named, did not succeed.';
