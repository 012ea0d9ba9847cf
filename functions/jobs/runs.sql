-- Runs: what pg_cron calls, one line a job. A slot of a job takes effect once.
create or replace procedure jobs.run(job_name text)
language plpgsql
as $$
-- A procedure that commits may neither be definer nor set search_path: it holds the loop alone.
declare
    v_place integer;
    v_job_no integer;
    v_run_id bigint;
    v_wait interval;
begin
    -- Inside a caller's transaction this fails, before a session lock is taken that would outlive the transaction.
    commit;
    -- When jobs hold all the places, it leaves its slot of pg_cron to the watcher: catch_up runs what was due.
    v_place := jobs.lock_place(job_name);
    commit;
    if v_place is null then
        return;
    end if;
    -- The session keeps the locks through the commits below; they end with the session at the latest.
    begin
        v_job_no := jobs.lock_job(job_name);
    exception
        when query_canceled or others then
            perform jobs.unlock_place(v_place);
            raise;
    end;
    if v_job_no is null then
        perform jobs.unlock_place(v_place);
        return;
    end if;
    begin
        v_run_id := jobs.lease_due(job_name);
    exception
        when query_canceled or others then
            perform jobs.unlock_job(v_job_no);
            perform jobs.unlock_place(v_place);
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
    perform jobs.unlock_place(v_place);
end;
$$;

comment on procedure jobs.run is
e'Runs a job for its slot that is due, unless that slot was leased already; by pg_cron.\n\n'
'When jobs.concurrent_runs jobs run already, it returns at once, and catch_up runs the slot. '
'It works slice by slice and attempt by attempt until the run is done or out of time. Errors: job_not_found.';
