-- Events: what people should know of lanes. Alerts are made of them.
create or replace function outbox.record_event(kind text, lane text, details jsonb)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    insert into outbox.events (happened_at, kind, lane, details)
    values (core.wall_clock(), record_event.kind, record_event.lane, record_event.details);
$$;

comment on function outbox.record_event(text, text, jsonb) is
'Records an event of a lane, in the transaction of its cause.';
