-- Advisory locks: every one that the apps and the tool take. A lock has two keys, which pg_locks shows as classid and
-- objid: what kind of thing is locked, and which one. Each kind's classid is a function of this file and is computed
-- nowhere else, so that two kinds cannot share one.
--
-- Order, for whoever waits for a lock while it holds another: migration, place, job, round (the lower number first),
-- month. pg_try_advisory_… does not wait, and may come in any order.
--
-- The tool's own locks, computed in Python:
--   migration  (generator/dotbase/migrate/locks.py) keys 'dotb' and 'ase': schema and history of migrations. `dotbase
--              migrate` and `dotbase rollback` hold it exclusively, for their session.
--   scratch    (generator/dotbase/scratch.py) one key, hashtext of the database's name: a scratch database in use.
--              The tool holds it exclusively, for its session in database `postgres` of the scratch cluster. Before
--              it, while roles are brought back to what is declared, hashtext of the names' prefix, in the same way.

-- job, objid jobs.jobs.job_no: the work on a job, which one session does at a time.
--   jobs.lock_job        exclusive, tried, for the session: pg_cron's jobs.run and jobs.catch_up, until they are done
--   jobs.work            exclusive, for the transaction, by the session that has it already; jobs.reacquire_lock then
--                        makes sure that the session still has it
--   jobs.mark_crashed    exclusive, tried, for the transaction: nobody begins while it judges a run
--   jobs.keep_one_row    exclusive, tried, for the transaction: nobody works on the job whose row it deletes
create or replace function core.job_locks()
returns integer
language sql
immutable
parallel safe
return hashtext('dotbase jobs');

comment on function core.job_locks() is 'The classid of the locks of jobs.';

-- place, objid 1 to the setting jobs.concurrent_runs: the right to take one of pg_cron's slots for a run.
--   jobs.lock_place      exclusive, tried, for the session: jobs.run, until it is done
--   jobs.work            exclusive, for the transaction, by the session that has it already
create or replace function core.place_locks()
returns integer
language sql
immutable
parallel safe
return hashtext('dotbase places');

comment on function core.place_locks() is 'The classid of the locks of places for runs.';

-- round, objid round_no: the state of a round, while tickets are added to it. Taken by luckywalk.lock_round.
--   claims, inserts of tickets    shared, for the transaction
--   opening and closing           exclusive, for the transaction: they wait for the claims under way. Closing waits
--                                 some seconds, then it ends who has the lock (luckywalk.lock_round_to_close)
create or replace function core.round_locks()
returns integer
language sql
immutable
parallel safe
return hashtext('dotbase rounds');

comment on function core.round_locks() is 'The classid of the locks of rounds.';

-- month, objid 0: the making of monthly and daily partitions, of all tables. One lock for all, since who makes those of
-- several tables would else have to make them in one order.
--   core.ensure_range    exclusive, for the transaction, only when the month's or day's partition is not there
create or replace function core.month_locks()
returns integer
language sql
immutable
parallel safe
return hashtext('dotbase months');

comment on function core.month_locks() is 'The classid of the lock of monthly and daily partitions.';
