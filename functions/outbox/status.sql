-- Status: how the lanes are doing.
-- needs: types
create or replace function outbox.outbox_status()
returns setof api.outbox_lanes
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
begin
    perform core.require_administrator();
    return query
    with queued as (
        select
            q.lane,
            count(*) filter (where not q.is_leased) as waiting,
            count(*) filter (where q.is_leased) as leased,
            min(q.due_at) filter (where not q.is_leased and q.due_at <= v_now) as oldest_due_at
        from outbox.queue as q
        group by q.lane
    ),

    undigested as (
        select u.lane, count(*) as messages
        from outbox.undigested as u
        group by u.lane
    ),

    dead as (
        select d.lane, count(*) as messages
        from outbox.dead_letters as d
        group by d.lane
    )

    select
        l.lane, l.description, coalesce(q.waiting, 0), coalesce(q.leased, 0), q.oldest_due_at,
        coalesce(u.messages, 0), coalesce(d.messages, 0), pg_catalog.bit_count(s.outcomes)::integer,
        s.paused_until, s.pause_reason, l.removed_at is not null
    from outbox.lanes as l
    inner join outbox.lane_states as s on s.lane = l.lane
    left join queued as q on q.lane = l.lane
    left join undigested as u on u.lane = l.lane
    left join dead as d on d.lane = l.lane
    order by l.lane;
end;
$$;

comment on function outbox.outbox_status() is
e'How each lane is doing: what waits, since when, what was given up, whether it is paused.\n\n'
'For administrators and the owner.\n\n'
'Errors: not_administrator, not_signed_in.';
