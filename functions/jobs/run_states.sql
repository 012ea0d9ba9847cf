-- The states of runs and of their attempts. These triggers refuse every change that is not among the arrows, to the
-- owner too; tests/jobs/test_run_states.py reads the arrows here and holds the database to them.
--
-- A run, one for each job and slot:
--
--     (new)     -> queued       the slot is due, was missed and is caught up, or somebody asked for it
--     queued    -> running      the session that holds the job's lock begins its first attempt
--     queued    -> skipped      a setting or a secret that the job requires is missing
--     queued    -> failed       the job is no longer declared
--     running   -> succeeded    the business function returned, and has no more to do
--     running   -> failed       the last attempt that retry_on and attempts allow has failed
--     running   -> waiting      it failed and may be tried again, or has more to do and is out of time or turn
--     waiting   -> running      its next attempt begins, or the next turn of what has more to do
--     waiting   -> skipped      as queued
--     waiting   -> failed       as queued; or it is older than what the job catches up
--     failed    -> waiting      the owner asked for it to be run again
--     skipped   -> waiting      the owner asked for it to be run again
--
-- An attempt, which ends once:
--
--     (new)     => running      a session began it
--     running   => succeeded    the business function returned, and has no more to do
--     running   => failed       the business function raised an error
--     running   => timed_out    it was still working at the run's deadline
--     running   => cancelled    a person cancelled it before the deadline
--     running   => crashed      its session ended without recording how
--     running   => interrupted  some slices worked, the rest comes in a later attempt
create or replace function jobs.refuse_transition()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.raise('run_transition_forbidden', pg_catalog.jsonb_build_object(
        'table', tg_table_name, 'run_id', new.run_id, 'from', old.status, 'to', new.status
    ));
    return null;
end;
$$;

comment on function jobs.refuse_transition() is
e'Trigger: refuses a change of state that runs or attempts do not make.\n\n'
'The triggers'' conditions say which; they are evaluated without a call. Errors: run_transition_forbidden.';

create or replace trigger runs_begin_as_queued
before insert on jobs.runs
for each row
when (new.status <> 'queued')
execute function jobs.refuse_transition();

create or replace trigger runs_keep_to_their_states
before update on jobs.runs
for each row
when (
    old.status <> new.status
    and (old.status, new.status) not in (
        ('queued', 'running'), ('queued', 'skipped'), ('queued', 'failed'),
        ('running', 'succeeded'), ('running', 'failed'), ('running', 'waiting'),
        ('waiting', 'running'), ('waiting', 'skipped'), ('waiting', 'failed'),
        ('failed', 'waiting'), ('skipped', 'waiting')
    )
)
execute function jobs.refuse_transition();

create or replace trigger attempts_begin_as_running
before insert on jobs.attempts
for each row
when (new.status <> 'running')
execute function jobs.refuse_transition();

create or replace trigger attempts_end_once
before update on jobs.attempts
for each row
when (old.status <> new.status and old.status <> 'running')
execute function jobs.refuse_transition();
