-- Events: failures, slots that did not run, recoveries. Alerts are made of them.
create or replace function jobs.record_event(kind text, run_id bigint, details jsonb default '{}')
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    -- The job's present name: it may have been renamed while the run was under way.
    insert into jobs.events (happened_at, kind, job_name, run_id, details)
    select pg_catalog.clock_timestamp(), record_event.kind, r.job_name, r.run_id, record_event.details
    from jobs.runs as r
    where r.run_id = record_event.run_id;
$$;

comment on function jobs.record_event(text, bigint, jsonb) is
'Records an event of a run, in the transaction of its cause.';

create or replace function jobs.was_failing(run_id bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select e.status in ('failed', 'skipped')
        from jobs.runs as r
        inner join jobs.runs as e on e.job_name = r.job_name
        where r.run_id = was_failing.run_id
            and e.status in ('succeeded', 'failed', 'skipped')
            and e.run_id <> r.run_id
        order by e.finished_at desc
        limit 1
    ), false);
$$;

comment on function jobs.was_failing(bigint) is
'Whether the job''s run that ended last before this one did not succeed.';
