-- Concluding: what verdicts mean for the queue, the attempts, dead letters and result functions.
-- Locks: the caller holds the messages' rows of the queue; then what the result functions take.
-- needs: events results
create or replace function outbox.results_of(lane text, verdicts outbox.verdict[])
returns outbox.result[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
    return (
        select array(
            select row(
                v.message_id, v.lane, m.message_key, m.user_id, v.ended, v.status, v.error, v.headers, v.body
            )::outbox.result
            from pg_catalog.unnest(results_of.verdicts) as v
            inner join outbox.messages as m on m.message_id = v.message_id and m.made_on = v.made_on
            where v.lane = results_of.lane and v.ended is not null
            order by v.message_id
        )
    );
end;
$$;

comment on function outbox.results_of(text, outbox.verdict[]) is
'The messages of a lane that ended, as its function gets them.';

-- Without settings of the planner, which would be those of the result functions as well.
create or replace function outbox.hand_over(verdicts outbox.verdict[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lane outbox.lanes;
begin
    for v_lane in
        select l.*
        from outbox.lanes as l
        where l.result_function is not null
            and l.lane in (
                select v.lane
                from pg_catalog.unnest(hand_over.verdicts) as v
                where v.ended is not null
            )
        order by l.lane
    loop
        insert into outbox.undigested (message_id, made_on, lane, lease_no, due_at, tries, sqlstate, reason)
        select
            v.message_id, v.made_on, v.lane, v.lease_no,
            core.wall_clock() + coalesce(v_lane.delays[2], v_lane.delays[1]), 1, d.code, d.reason
        from outbox.digest(
            v_lane.result_function, outbox.results_of(v_lane.lane, hand_over.verdicts)
        ) as d
        inner join pg_catalog.unnest(hand_over.verdicts) as v on v.message_id = d.message_id;
    end loop;
end;
$$;

comment on function outbox.hand_over(outbox.verdict[]) is
e'Hands the messages that ended to the result functions of their lanes.\n\n'
'What a function does not take becomes undigested.';

create or replace function outbox.record_verdicts(verdicts outbox.verdict[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- The queue's statistics are always of another moment: its rows are found by their keys.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
begin
    insert into outbox.attempts (
        message_id, made_on, lease_no, at, outcome, ended, is_charged, status, error, retry_after, response_headers,
        response_body
    )
    select
        v.message_id, v.made_on, v.lease_no, core.wall_clock(), v.outcome, v.ended, v.is_charged, v.status, v.error,
        v.retry_after, case when v.ended is not null then v.headers end, case when v.ended is not null then v.body end
    from pg_catalog.unnest(record_verdicts.verdicts) as v;

    delete from outbox.queue as q
    where q.message_id = any (array(
        select v.message_id
        from pg_catalog.unnest(record_verdicts.verdicts) as v
        where v.ended is not null
    ));

    update outbox.queue as q
    set due_at = v.due_at, attempts = v.attempts, leases = v.lease_no, is_leased = false
    from pg_catalog.unnest(record_verdicts.verdicts) as v
    where q.message_id = v.message_id and v.ended is null;

    insert into outbox.dead_letters (message_id, made_on, lane, lease_no, what, reason, died_at)
    select
        v.message_id, v.made_on, v.lane, v.lease_no, 'delivery', coalesce(v.error, 'status ' || v.status),
        core.wall_clock()
    from pg_catalog.unnest(record_verdicts.verdicts) as v
    where v.ended = 'dead';

    perform outbox.record_event('dead', v.lane, pg_catalog.jsonb_build_object(
        'what', 'delivery', 'messages', count(*), 'first', min(v.message_id)
    ))
    from pg_catalog.unnest(record_verdicts.verdicts) as v
    where v.ended = 'dead'
    group by v.lane;
end;
$$;

comment on function outbox.record_verdicts(outbox.verdict[]) is
'Records what came of attempts, and takes those that ended from the queue.';

create or replace function outbox.conclude(verdicts outbox.verdict[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform outbox.record_verdicts(conclude.verdicts);
    perform outbox.hand_over(conclude.verdicts);
end;
$$;

comment on function outbox.conclude(outbox.verdict[]) is
e'Records what came of attempts: messages end, or go on waiting.\n\n'
'The result functions of their lanes get those that ended.';
