comment on table jobs.heartbeats is 'When the watcher and catch_up were last alive.';

alter table jobs.attempts drop column session_began_at;

alter table jobs.jobs drop column purged_until;
