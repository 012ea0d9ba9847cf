-- Guards of the runtime: how far each job's history was purged, when the session of an attempt began, and when a run
-- last found no place.
alter table jobs.jobs add column purged_until timestamptz default 'epoch' not null;

comment on column jobs.jobs.purged_until is
'The newest slot whose run was purged: no slot up to here runs any more, since nothing would show that it has run.';

alter table jobs.attempts add column session_began_at timestamptz;

comment on column jobs.attempts.session_began_at is
'With server_process it names the session: process ids come again. Null for a session that the owner may not see.';

comment on table jobs.heartbeats is
'When the watcher and catch_up were last alive, and when a run last found every place taken, as `crowded`.';
