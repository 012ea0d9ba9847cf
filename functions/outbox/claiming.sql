-- Claiming: a sender leases what is due, oldest first, from a low mark on.
-- Locks: the lane's state (lane_states.sql), then rows of the queue, tried, then what result functions take.
-- needs: concluding lane_states
create or replace function outbox.end_of_waiting(
    queued outbox.queue, destination text, of_lane outbox.lanes, is_paused boolean, now timestamptz
)
returns text
language sql
immutable
parallel safe
return case
    when (queued).expires_at <= end_of_waiting.now then 'expired'
    when
        (queued).is_leased
        and not end_of_waiting.is_paused
        and (queued).attempts + 1 >= cardinality((of_lane).delays) then 'dead'
    -- A host that was taken off the list binds what waits, too.
    when end_of_waiting.destination <> all((of_lane).hosts) then 'refused'
end;

comment on function outbox.end_of_waiting(outbox.queue, text, outbox.lanes, boolean, timestamptz) is
'How a message ends that is due and must not be sent any more; null when it may be sent.';

create or replace function outbox.lease_batch(
    of_lane outbox.lanes, batch outbox.queue[], is_paused boolean, now timestamptz
)
returns setof outbox.claimed_message
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
declare
    v_leased_until timestamptz := lease_batch.now + of_lane.lease;
begin
    -- A lease that nobody reported counts, or a message that kills its sender would do so without end.
    insert into outbox.attempts (message_id, made_on, lease_no, at, outcome, is_charged, error)
    select b.message_id, b.made_on, b.leases, lease_batch.now, 'unknown', not lease_batch.is_paused, 'lease_expired'
    from pg_catalog.unnest(lease_batch.batch) as b
    -- That of one that is dead with it is recorded at its end.
    where b.is_leased
        and outbox.end_of_waiting(b, null, of_lane, lease_batch.is_paused, lease_batch.now) is distinct from 'dead';

    return query
    with fit as materialized (
        select
            b.message_id, b.leases + 1 as lease_no, b.due_at,
            b.attempts + (b.is_leased and not lease_batch.is_paused)::integer as attempts,
            m.idempotency_key, m.method, m.content_type, m.headers, m.body,
            case when m.destination like 'http://%' then '' else 'https://' end || m.destination || m.path as url
        from pg_catalog.unnest(lease_batch.batch) as b
        inner join outbox.messages as m on m.message_id = b.message_id and m.made_on = b.made_on
        where outbox.end_of_waiting(b, m.destination, of_lane, lease_batch.is_paused, lease_batch.now) is null
    ),

    leased as (
        update outbox.queue as q
        set due_at = v_leased_until, leases = f.lease_no, attempts = f.attempts, is_leased = true
        from fit as f
        where q.message_id = f.message_id
    )

    select f.message_id, f.lease_no, f.due_at, f.idempotency_key, f.method, f.url, f.content_type, f.headers, f.body
    from fit as f
    order by f.due_at, f.message_id;
end;
$$;

comment on function outbox.lease_batch(outbox.lanes, outbox.queue[], boolean, timestamptz) is
'Leases those of these rows that may still be sent, and returns their messages.';

create or replace function outbox.end_batch(
    of_lane outbox.lanes, batch outbox.queue[], is_paused boolean, now timestamptz
)
returns outbox.verdict[]
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
    select array(
        select row(
            b.message_id, b.made_on, b.lane, b.leases + (e.ended <> 'dead')::integer, b.attempts,
            case e.ended when 'dead' then 'unknown' else e.ended end, e.ended, e.ended = 'dead', null, null,
            case e.ended when 'dead' then 'lease_expired' when 'refused' then 'host_refused' end,
            null, null, null
        )::outbox.verdict
        from pg_catalog.unnest(end_batch.batch) as b
        inner join outbox.messages as m on m.message_id = b.message_id and m.made_on = b.made_on
        cross join lateral outbox.end_of_waiting(
            b, m.destination, of_lane, end_batch.is_paused, end_batch.now
        ) as e (ended)
        where e.ended is not null
        order by b.message_id
    );
$$;

comment on function outbox.end_batch(outbox.lanes, outbox.queue[], boolean, timestamptz) is
'The verdicts on those of these rows that must not be sent any more.';

create or replace function outbox.lock_due(lane text, since timestamptz, now timestamptz, at_most integer)
returns outbox.queue[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- Whatever the statistics say: the index gives them in order, and begins at the mark.
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
    return (
        select pg_catalog.array_agg(b.q)
        from (
            select q
            from outbox.queue as q
            where q.lane = lock_due.lane and q.due_at >= lock_due.since and q.due_at <= lock_due.now
            order by q.due_at, q.message_id
            limit lock_due.at_most
            for update skip locked
        ) as b
    );
end;
$$;

comment on function outbox.lock_due(text, timestamptz, timestamptz, integer) is
e'Locks rows of a lane that are due, oldest first, but for those that another session has.\n\n'
'Null when there are none.';

create or replace function outbox.claim(of_lane outbox.lanes, at_most integer, since timestamptz)
returns setof outbox.claimed_message
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_state outbox.lane_states := outbox.lock_state(of_lane, v_now);
    -- Most lanes have nothing that limits them, and write no state.
    v_limited boolean := v_state.pauses > 0 or of_lane.per_minute is not null;
    v_left integer := least(
        claim.at_most, 500, case when v_limited then outbox.allowance(v_state, of_lane, v_now) end
    );
    v_batch outbox.queue[];
    v_first outbox.queue;
    v_leased integer;
    v_claimed integer := 0;
begin
    -- Again while some of a batch only ended, so that a batch that is not full means that no more is due.
    for v_round in 1..10
    loop
        exit when v_left <= 0;
        v_batch := outbox.lock_due(of_lane.lane, coalesce(claim.since, '-infinity'), v_now, v_left);
        exit when v_batch is null;
        v_first := v_batch[1];
        return query
        select *
        from outbox.lease_batch(of_lane, v_batch, v_state.pauses > 0, v_now);
        get diagnostics v_leased = row_count;
        v_claimed := v_claimed + v_leased;
        v_left := v_left - v_leased;
        exit when v_leased = pg_catalog.cardinality(v_batch);
        perform outbox.conclude(outbox.end_batch(of_lane, v_batch, v_state.pauses > 0, v_now));
    end loop;
    if v_limited and v_claimed > 0 then
        -- The probe of a lane that was paused is the only one that was claimed.
        perform outbox.record_claim(
            v_state, of_lane, v_claimed, v_first.message_id, v_first.leases + 1, v_now + of_lane.lease
        );
    end if;
end;
$$;

comment on function outbox.claim(outbox.lanes, integer, timestamptz) is
e'Leases messages of a lane that are due, as its rate and pauses allow.\n\n'
'It ends those that must not be sent any more. since: a low mark; null for none.';

create or replace function outbox.claim_messages(lane text, at_most integer, since timestamptz default null)
returns setof outbox.claimed_message
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select *
    from outbox.claim(outbox.require_lane(claim_messages.lane), claim_messages.at_most, claim_messages.since);
end;
$$;

comment on function outbox.claim_messages(text, integer, timestamptz) is
e'Leases messages of a lane that are due, oldest first, for a relay.\n\n'
'at_most: 500 at most. since: the low mark, which is the greatest due_at that this relay has got from the lane; null '
'at first and again every 5 seconds, for rows that are due earlier and were committed later. No row: nothing is due, '
'the lane is paused, or its rate is used up.\n\n'
'Errors: outbox_lane_not_found.';
