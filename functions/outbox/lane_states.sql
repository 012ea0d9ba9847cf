-- States of lanes: a rate that ramps, pauses when too much fails, and probes that end them. A lane in which nothing
-- fails and that has no rate is read here, and never written or locked.
-- Locks: the lane's row of outbox.lane_states, after rows of the queue that the caller reports, and before the rows of
-- the queue that it claims, which are tried.
-- needs: events lanes
create or replace function outbox.ramped(elapsed double precision, ramp double precision)
returns double precision
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- The integral of a rate that rises evenly from nothing to one.
    select case
        when ramped.elapsed >= ramped.ramp then ramped.elapsed - ramped.ramp / 2
        else greatest(ramped.elapsed, 0) ^ 2 / (2 * ramped.ramp)
    end;
$$;

comment on function outbox.ramped(double precision, double precision) is
'For how many seconds of the whole rate these seconds since a ramp began stand.';

create or replace function outbox.fill_bucket(state outbox.lane_states, of_lane outbox.lanes, now timestamptz)
returns outbox.lane_states
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ramp double precision := extract(epoch from of_lane.ramp);
    v_before double precision := outbox.ramped(extract(epoch from state.filled_at - state.ramp_began_at), v_ramp);
    v_after double precision := outbox.ramped(extract(epoch from fill_bucket.now - state.ramp_began_at), v_ramp);
begin
    state.tokens := least(
        of_lane.burst, state.tokens + greatest(v_after - v_before, 0) * of_lane.per_minute / 60
    );
    -- A quiet lane begins slowly again: a receiver has scaled down meanwhile.
    if v_ramp > 0 and fill_bucket.now - state.filled_at > of_lane.ramp then
        state.tokens := least(state.tokens, 1);
        state.ramp_began_at := fill_bucket.now;
    end if;
    state.filled_at := greatest(state.filled_at, fill_bucket.now);
    return state;
end;
$$;

comment on function outbox.fill_bucket(outbox.lane_states, outbox.lanes, timestamptz) is
'The state of a lane with a rate, its bucket filled up to now.';

create or replace function outbox.lock_state(of_lane outbox.lanes, now timestamptz)
returns outbox.lane_states
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state outbox.lane_states;
begin
    select s.* into v_state
    from outbox.lane_states as s
    where s.lane = of_lane.lane;
    if v_state.pauses = 0 and of_lane.per_minute is null then
        return v_state;
    end if;
    select s.* into v_state
    from outbox.lane_states as s
    where s.lane = of_lane.lane
    for no key update;
    if of_lane.per_minute is not null then
        v_state := outbox.fill_bucket(v_state, of_lane, lock_state.now);
    end if;
    return v_state;
end;
$$;

comment on function outbox.lock_state(outbox.lanes, timestamptz) is
'The state of a lane, locked and its bucket filled when it limits what may leave.';

create or replace function outbox.allowance(state outbox.lane_states, of_lane outbox.lanes, now timestamptz)
returns integer
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when state.pauses > 0
            and (allowance.now < state.paused_until or allowance.now < coalesce(state.probe_until, '-infinity'))
            then 0
        else least(
            case when state.pauses > 0 then 1 end,
            case when of_lane.per_minute is not null then pg_catalog.floor(state.tokens)::integer end
        )
    end;
$$;

comment on function outbox.allowance(outbox.lane_states, outbox.lanes, timestamptz) is
'How many messages may leave now, by the lane''s pause and rate; null is any number.';

create or replace function outbox.record_claim(
    state outbox.lane_states, of_lane outbox.lanes, claimed integer, message_id bigint, lease_no integer,
    leased_until timestamptz
)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    update outbox.lane_states as s
    set
        tokens = greatest(state.tokens - case when of_lane.per_minute is null then 0 else record_claim.claimed end, 0),
        filled_at = state.filled_at,
        ramp_began_at = state.ramp_began_at,
        probe_message_id = case when state.pauses > 0 then record_claim.message_id end,
        probe_lease_no = case when state.pauses > 0 then record_claim.lease_no end,
        probe_until = case when state.pauses > 0 then record_claim.leased_until end
    where s.lane = of_lane.lane;
$$;

comment on function outbox.record_claim(
    outbox.lane_states, outbox.lanes, integer, bigint, integer, timestamptz
) is
'Takes claimed messages off the bucket of a lane, and notes the probe of one that was paused.';

create or replace function outbox.pause(state outbox.lane_states, reason text, now timestamptz)
returns outbox.lane_states
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    state.paused_until := pause.now
        + least(interval '30 seconds' * 2 ^ least(state.pauses, 10), interval '10 minutes');
    state.pauses := state.pauses + 1;
    state.pause_reason := pause.reason;
    state.probe_message_id := null;
    state.probe_lease_no := null;
    state.probe_until := null;
    if state.pauses = 1 then
        perform outbox.record_event('paused', state.lane, pg_catalog.jsonb_build_object('reason', pause.reason));
    end if;
    return state;
end;
$$;

comment on function outbox.pause(outbox.lane_states, text, timestamptz) is
e'The state of a lane that pauses now, 30 s, then twice as long, up to 10 min.\n\n'
'The first of several pauses in a row is an event.';

create or replace function outbox.resume(state outbox.lane_states, of_lane outbox.lanes, now timestamptz)
returns outbox.lane_states
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform outbox.record_event('resumed', state.lane, pg_catalog.jsonb_build_object(
        'reason', state.pause_reason, 'pauses', state.pauses
    ));
    state.outcomes := '';
    state.pauses := 0;
    state.pause_reason := null;
    state.paused_until := null;
    state.probe_message_id := null;
    state.probe_lease_no := null;
    state.probe_until := null;
    state.ramp_began_at := resume.now;
    state.filled_at := resume.now;
    state.tokens := least(state.tokens, case when of_lane.ramp > interval '0' then 1 end);
    return state;
end;
$$;

comment on function outbox.resume(outbox.lane_states, outbox.lanes, timestamptz) is
'The state of a lane whose probe succeeded: it begins anew, and slowly where it ramps.';

create or replace function outbox.record_outcomes(of_lane outbox.lanes, verdicts outbox.verdict[], now timestamptz)
returns outbox.lane_states
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state outbox.lane_states;
    v_probe outbox.verdict;
    v_paused outbox.verdict;
    -- The verdicts in their order: 1 failed. What the receiver refused, it has answered.
    v_failures bit varying := (
        select pg_catalog.string_agg(
            case when v.outcome in ('failed', 'unknown', 'paused') then '1' else '0' end, '' order by v.place
        )::bit varying
        from pg_catalog.unnest(record_outcomes.verdicts) with ordinality as v (
            message_id, made_on, lane, lease_no, attempts, outcome, ended, is_charged, due_at, status, error,
            retry_after, headers, body, place
        )
    );
begin
    select s.* into v_state
    from outbox.lane_states as s
    where s.lane = of_lane.lane;
    if v_state.pauses = 0 and pg_catalog.bit_count(v_state.outcomes) = 0 and pg_catalog.bit_count(v_failures) = 0 then
        return v_state;
    end if;
    select s.* into v_state
    from outbox.lane_states as s
    where s.lane = of_lane.lane
    for no key update;

    select v.* into v_probe
    from pg_catalog.unnest(record_outcomes.verdicts) as v
    where v.message_id = v_state.probe_message_id and v.lease_no = v_state.probe_lease_no;
    select v.* into v_paused
    from pg_catalog.unnest(record_outcomes.verdicts) as v
    where v.outcome = 'paused'
    limit 1;
    if v_state.pauses > 0 then
        -- What was under way when the lane paused says nothing new: its probe alone ends a pause.
        if v_probe.outcome in ('failed', 'unknown', 'paused') then
            v_state := outbox.pause(v_state, v_state.pause_reason, record_outcomes.now);
        elsif v_probe.outcome is not null then
            v_state := outbox.resume(v_state, of_lane, record_outcomes.now);
        end if;
    else
        v_state.outcomes := pg_catalog.right((v_state.outcomes || v_failures)::text, 50)::bit varying;
        if v_paused.outcome is not null then
            v_state := outbox.pause(
                v_state, coalesce(v_paused.error, 'status ' || v_paused.status), record_outcomes.now
            );
        elsif pg_catalog.bit_count(v_state.outcomes) > 25 then
            v_state := outbox.pause(v_state, 'over half of the last 50 failed', record_outcomes.now);
        end if;
    end if;
    update outbox.lane_states as s
    set
        outcomes = v_state.outcomes,
        pauses = v_state.pauses,
        pause_reason = v_state.pause_reason,
        paused_until = v_state.paused_until,
        probe_message_id = v_state.probe_message_id,
        probe_lease_no = v_state.probe_lease_no,
        probe_until = v_state.probe_until,
        tokens = v_state.tokens,
        filled_at = v_state.filled_at,
        ramp_began_at = v_state.ramp_began_at
    where s.lane = of_lane.lane;
    return v_state;
end;
$$;

comment on function outbox.record_outcomes(outbox.lanes, outbox.verdict[], timestamptz) is
'Counts what came of attempts, pauses the lane or ends its pause, and returns its state.';
