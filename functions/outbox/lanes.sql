-- Lanes: those that functions/<app>/lanes.yaml declares, and the state of each.
-- needs: types
create or replace function outbox.declare_lanes(app text, lanes jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
begin
    update outbox.lanes as l
    set removed_at = v_now
    where l.app = declare_lanes.app
        and l.removed_at is null
        and not exists (
            select
            from pg_catalog.jsonb_to_recordset(declare_lanes.lanes) as d (name text)
            where d.name = l.lane
        );

    insert into outbox.lanes (
        lane, app, description, sender, hosts, auth, secrets, response_limit, per_minute, burst, ramp, in_flight,
        connect_timeout, request_timeout, lease, delays, has_keys, pause_on, result_function
    )
    select
        d.name, declare_lanes.app, d.description, d.sender, d.hosts, d.auth, d.secrets, d.response_limit,
        d.per_minute, d.burst, d.ramp, d.in_flight, d.connect_timeout, d.request_timeout, d.lease, d.delays,
        d.has_keys, d.pause_on, d.result_function
    from pg_catalog.jsonb_to_recordset(declare_lanes.lanes) as d (
        name text, description text, sender text, hosts text[], auth jsonb, secrets text[], response_limit integer,
        per_minute integer, burst integer, ramp interval, in_flight integer, connect_timeout interval,
        request_timeout interval, lease interval, delays interval[], has_keys boolean, pause_on integer[],
        result_function text
    )
    on conflict on constraint lanes_pkey do update set
        app = excluded.app,
        description = excluded.description,
        sender = excluded.sender,
        hosts = excluded.hosts,
        auth = excluded.auth,
        secrets = excluded.secrets,
        response_limit = excluded.response_limit,
        per_minute = excluded.per_minute,
        burst = excluded.burst,
        ramp = excluded.ramp,
        in_flight = excluded.in_flight,
        connect_timeout = excluded.connect_timeout,
        request_timeout = excluded.request_timeout,
        lease = excluded.lease,
        delays = excluded.delays,
        has_keys = excluded.has_keys,
        pause_on = excluded.pause_on,
        result_function = excluded.result_function,
        removed_at = null;

    -- A lane that ramps begins slowly, one that does not may use its burst at once.
    insert into outbox.lane_states (lane, tokens, filled_at, ramp_began_at)
    select l.lane, case when l.ramp > interval '0' then 1 else l.burst end, v_now, v_now
    from outbox.lanes as l
    where l.app = declare_lanes.app
    on conflict on constraint lane_states_pkey do nothing;
end;
$$;

comment on function outbox.declare_lanes(text, jsonb) is
e'Makes an app''s lanes those of its lanes.yaml.\n\n'
'A lane that is no longer declared keeps its messages: they wait until it is declared again, they expire or are '
'cancelled.';

create or replace function outbox.require_lane(lane text)
returns outbox.lanes
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lane outbox.lanes;
begin
    select l.* into v_lane
    from outbox.lanes as l
    where l.lane = require_lane.lane and l.removed_at is null;
    if not found then
        -- Without its name, which may be a client's text.
        perform core.raise('outbox_lane_not_found');
    end if;
    return v_lane;
end;
$$;

comment on function outbox.require_lane(text) is
e'A lane that is declared.\n\n'
'Errors: outbox_lane_not_found.';
