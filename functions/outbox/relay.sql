-- What a relay asks for beside messages: its lanes, their secrets; and that it is alive.
-- needs: lanes types
create or replace function outbox.relay_lanes()
returns setof outbox.relay_lane
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select
        l.lane, l.hosts, l.auth, l.response_limit, l.in_flight, l.connect_timeout, l.request_timeout, l.lease
    from outbox.lanes as l
    where l.sender = 'relay' and l.removed_at is null
    order by l.lane;
$$;

comment on function outbox.relay_lanes() is
e'The lanes whose messages a relay sends.\n\n'
'A relay asks anew every few seconds: they change with a migration.';

create or replace function outbox.relay_secret(lane text, name text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select
        from outbox.lanes as l
        where l.lane = relay_secret.lane
            and l.sender = 'relay'
            and l.removed_at is null
            and relay_secret.name = any (l.secrets)
    ) then
        perform core.raise('outbox_secret_refused');
    end if;
    return core.secret(relay_secret.name);
end;
$$;

comment on function outbox.relay_secret(text, text) is
e'A secret of a lane in the clear, for the relay that sends its messages.\n\n'
'Never log or store it.\n\n'
'Errors: outbox_secret_refused when the lane does not name it; secret_not_found, secret_store_missing, '
'secret_unreadable.';

create or replace function outbox.relay_heartbeat(name text, version text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
begin
    insert into outbox.relays as r (relay_name, version, began_at, heartbeat_at)
    values (relay_heartbeat.name, relay_heartbeat.version, v_now, v_now)
    on conflict on constraint relays_pkey do update set
        version = excluded.version,
        began_at = case when r.version = excluded.version then r.began_at else excluded.began_at end,
        heartbeat_at = excluded.heartbeat_at;
end;
$$;

comment on function outbox.relay_heartbeat(text, text) is
e'Says that a relay is alive.\n\n'
'name: tells it from others, 1 to 100 characters; version: what it runs.';
