-- Dead letters: what was given up goes once more, under the same Idempotency-Key; what waits may be called off.
-- Locks: rows of outbox.dead_letters, or one of the queue; then what the result functions take.
-- needs: concluding
create or replace function outbox.message_states(message_ids bigint[])
returns setof api.outbox_messages
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select
        m.message_id, m.lane, m.message_key,
        case
            when q.is_leased then 'leased'
            when q.message_id is not null then 'waiting'
            else e.ended
        end,
        e.attempts, q.due_at, m.made_at
    from outbox.messages as m
    left join outbox.queue as q on q.message_id = m.message_id
    cross join lateral (
        select
            (pg_catalog.array_agg(a.ended order by a.lease_no desc) filter (where a.ended is not null))[1] as ended,
            count(*) filter (where a.outcome in ('delivered', 'refused', 'failed', 'unknown', 'paused'))::integer
                as attempts
        from outbox.attempts as a
        where a.message_id = m.message_id and a.made_on = m.made_on and not a.is_stale
    ) as e
    where m.message_id = any (message_states.message_ids)
    order by m.message_id;
$$;

comment on function outbox.message_states(bigint[]) is
'Where messages are: waiting, leased, or how they ended. For the owner''s own functions.';

create or replace function outbox.replay(
    message_id bigint, lane text, died_from timestamptz, died_before timestamptz, actor text
)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_replayed bigint;
begin
    with chosen as (
        delete from outbox.dead_letters as d
        using outbox.messages as m
        where m.message_id = d.message_id
            and m.made_on = d.made_on
            and d.message_id = coalesce(replay.message_id, d.message_id)
            and d.lane = coalesce(replay.lane, d.lane)
            and d.died_at >= coalesce(replay.died_from, '-infinity')
            and d.died_at < coalesce(replay.died_before, 'infinity')
            -- What has expired is not to be sent any more; a result is always to be handed over.
            and (
                d.what = 'result'
                or coalesce(m.expires_at > v_now, true)
                -- The next end must not be told before the last.
                and not exists (select from outbox.undigested as u where u.message_id = d.message_id)
                and not exists (
                    select from outbox.dead_letters as r where r.message_id = d.message_id and r.what = 'result'
                )
            )
        returning d.*, m.expires_at
    ),

    queued as (
        insert into outbox.queue (message_id, made_on, lane, due_at, expires_at, leases)
        select c.message_id, c.made_on, c.lane, v_now, c.expires_at, c.lease_no
        from chosen as c
        where c.what = 'delivery'
    ),

    undigested as (
        insert into outbox.undigested (message_id, made_on, lane, lease_no, due_at, tries, sqlstate, reason)
        select
            c.message_id, c.made_on, c.lane, c.lease_no, v_now, 1, pg_catalog.left(c.reason, 5),
            pg_catalog.substr(c.reason, 7)
        from chosen as c
        where c.what = 'result'
    ),

    events as (
        insert into outbox.events (happened_at, kind, lane, details)
        select v_now, 'replayed', c.lane, pg_catalog.jsonb_build_object(
            'by', replay.actor, 'messages', count(*), 'first', min(c.message_id)
        )
        from chosen as c
        group by c.lane
    )

    select count(*) into v_replayed
    from chosen;
    return v_replayed;
end;
$$;

comment on function outbox.replay(bigint, text, timestamptz, timestamptz, text) is
e'Puts dead letters back, by message, lane and time of death, null for any; returns how many.\n\n'
'actor: who does it, for the event.';

create or replace function outbox.replay_outbox_message(message_id bigint)
returns setof api.outbox_replays
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_actor text := core.require_administrator();
    v_replayed bigint := 0;
begin
    if replay_outbox_message.message_id is not null then
        v_replayed := outbox.replay(replay_outbox_message.message_id, null, null, null, v_actor);
    end if;
    if v_replayed = 0 then
        perform core.raise('dead_letter_not_found');
    end if;
    return query select v_replayed;
end;
$$;

comment on function outbox.replay_outbox_message(bigint) is
e'Puts a dead letter back.\n\n'
'For administrators. The message is sent again under the same Idempotency-Key, with all the lane''s attempts. Of one '
'whose result function failed, the function alone is tried, and the message not before it has worked.\n\n'
'Errors: not_administrator, not_signed_in, dead_letter_not_found.';

create or replace function outbox.replay_outbox_lane(
    lane text, died_from timestamptz default null, died_before timestamptz default null
)
returns setof api.outbox_replays
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_actor text := core.require_administrator();
    v_lane outbox.lanes := outbox.require_lane(replay_outbox_lane.lane);
begin
    return query
    select outbox.replay(null, v_lane.lane, replay_outbox_lane.died_from, replay_outbox_lane.died_before, v_actor);
end;
$$;

comment on function outbox.replay_outbox_lane(text, timestamptz, timestamptz) is
e'Puts the dead letters of a lane back that died in a time; returns how many.\n\n'
'For administrators. died_from, died_before: null for any time. What has expired stays; the rest is as of '
'replay_outbox_message.\n\n'
'Errors: not_administrator, not_signed_in, outbox_lane_not_found.';

create or replace function outbox.cancel(message_id bigint)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queued outbox.queue;
begin
    select q.* into v_queued
    from outbox.queue as q
    where q.message_id = cancel.message_id
    for update;
    if not found then
        perform core.raise('outbox_message_not_waiting');
    end if;
    if v_queued.is_leased and v_queued.due_at > core.wall_clock() then
        perform core.raise('outbox_message_being_sent');
    end if;
    perform outbox.conclude(array[row(
        v_queued.message_id, v_queued.made_on, v_queued.lane, v_queued.leases + 1, v_queued.attempts,
        'cancelled', 'cancelled', false, null, null, null, null, null, null
    )]::outbox.verdict[]);
end;
$$;

comment on function outbox.cancel(bigint) is
e'Calls off a message that waits, for the owner''s own functions.\n\n'
'Its lane''s result function gets it as cancelled.\n\n'
'Errors: outbox_message_not_waiting, outbox_message_being_sent.';

create or replace function outbox.cancel_outbox_message(message_id bigint)
returns setof api.outbox_messages
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_actor text := core.require_administrator();
begin
    perform outbox.cancel(cancel_outbox_message.message_id);
    perform outbox.record_event('cancelled', m.lane, pg_catalog.jsonb_build_object(
        'by', v_actor, 'message_id', m.message_id
    ))
    from outbox.messages as m
    where m.message_id = cancel_outbox_message.message_id;
    return query
    select *
    from outbox.message_states(array[cancel_outbox_message.message_id]);
end;
$$;

comment on function outbox.cancel_outbox_message(bigint) is
e'Calls off a message that waits, and returns it as it is now.\n\n'
'For administrators. One that is being sent cannot be called off.\n\n'
'Errors: not_administrator, not_signed_in, outbox_message_not_waiting, outbox_message_being_sent.';
