-- Runs: what pg_cron calls, once a job. A (job, slot) takes effect once.
create or replace procedure jobs.run(job_name text)
language plpgsql
as $$
-- A procedure that commits may neither be definer nor set search_path: it holds the loop, no more.
declare
    v_job_no integer;
    v_run_id bigint;
    v_wait interval;
begin
    -- Inside of a caller's transaction this ends it all here, with no lock taken that would outlive it.
    commit;
    -- The lock of the session lives through the commits below and dies with the session.
    v_job_no := jobs.lock_job(job_name);
    if v_job_no is null then
        return;
    end if;
    begin
        v_run_id := jobs.lease_due(job_name);
    exception
        when query_canceled or others then
            perform jobs.unlock_job(v_job_no);
            raise;
    end;
    commit;
    while v_run_id is not null loop
        v_wait := jobs.work(v_run_id);
        commit;
        exit when v_wait is null;
        perform pg_catalog.pg_sleep_for(v_wait);
        commit;
    end loop;
    perform jobs.unlock_job(v_job_no);
end;
$$;

comment on procedure jobs.run is
'Runs a job for its slot that is due, unless that slot was leased already; slice by slice, attempt by
attempt, until it is done or out of time. What pg_cron calls. Errors: job_not_found.';
