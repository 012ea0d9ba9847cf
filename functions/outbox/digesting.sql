-- Digesting: result functions that failed are tried again, without the request.
-- Locks: rows of outbox.undigested, tried; then what the result functions take.
-- needs: events results
create or replace function outbox.undigested_results(message_ids bigint[])
returns outbox.result[]
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
    select array(
        select row(
            u.message_id, u.lane, m.message_key, m.user_id, a.ended, a.status, a.error, a.response_headers,
            a.response_body
        )::outbox.result
        from outbox.undigested as u
        inner join outbox.messages as m on m.message_id = u.message_id and m.made_on = u.made_on
        inner join outbox.attempts as a
            on a.message_id = u.message_id
                and a.made_on = u.made_on
                and a.lease_no = u.lease_no
                and not a.is_stale
        where u.message_id = any (undigested_results.message_ids)
        order by u.message_id
    );
$$;

comment on function outbox.undigested_results(bigint[]) is
'How undigested messages ended, as their function gets it.';

create or replace function outbox.digest_again(of_lane outbox.lanes, message_ids bigint[])
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_failures jsonb := '{}'::jsonb;
    v_digested bigint;
    v_dead bigint;
    v_first bigint;
begin
    if of_lane.result_function is not null then
        select coalesce(pg_catalog.jsonb_object_agg(d.message_id, pg_catalog.jsonb_build_array(d.code, d.reason)), '{}')
        into v_failures
        from outbox.digest(of_lane.result_function, outbox.undigested_results(digest_again.message_ids)) as d;
    end if;

    delete from outbox.undigested as u
    where u.message_id = any (digest_again.message_ids) and not v_failures ? u.message_id::text;
    get diagnostics v_digested = row_count;

    update outbox.undigested as u
    set
        tries = u.tries + 1,
        due_at = v_now + coalesce(of_lane.delays[u.tries + 2], '0'),
        sqlstate = v_failures #>> array[u.message_id::text, '0'],
        reason = v_failures #>> array[u.message_id::text, '1']
    where u.message_id = any (digest_again.message_ids);

    with given_up as (
        delete from outbox.undigested as u
        where u.message_id = any (digest_again.message_ids) and u.tries >= pg_catalog.cardinality(of_lane.delays)
        returning u.*
    ),

    died as (
        insert into outbox.dead_letters (message_id, made_on, lane, lease_no, what, reason, died_at)
        select g.message_id, g.made_on, g.lane, g.lease_no, 'result', g.sqlstate || ' ' || g.reason, v_now
        from given_up as g
        returning message_id
    )

    select count(*), min(d.message_id) into v_dead, v_first
    from died as d;
    if v_dead > 0 then
        perform outbox.record_event('dead', of_lane.lane, pg_catalog.jsonb_build_object(
            'what', 'result', 'messages', v_dead, 'first', v_first
        ));
    end if;
    return v_digested;
end;
$$;

comment on function outbox.digest_again(outbox.lanes, bigint[]) is
e'Hands undigested messages of a lane to its function once more; returns how many it took.\n\n'
'One that it has failed on as often as the lane has delays is dead. A lane that has no function any more takes them '
'all.';

create or replace function outbox.digest_results(batch_limit integer)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_due bigint[];
    v_group record;
    v_lane outbox.lanes;
    v_digested bigint := 0;
begin
    v_due := array(
        select u.message_id
        from outbox.undigested as u
        where u.due_at <= v_now
        order by u.due_at, u.message_id
        limit digest_results.batch_limit
        for update skip locked
    );
    -- What was cancelled is tried alone: only the message that takes too long is cancelled again.
    for v_group in
        select u.lane, pg_catalog.array_agg(u.message_id order by u.message_id) as message_ids
        from outbox.undigested as u
        where u.message_id = any (v_due)
        group by u.lane, case when u.sqlstate = '57014' then u.message_id end
        order by 2
    loop
        select l.* into strict v_lane
        from outbox.lanes as l
        where l.lane = v_group.lane;
        v_digested := v_digested + outbox.digest_again(v_lane, v_group.message_ids);
    end loop;
    return pg_catalog.jsonb_build_object(
        'processed', v_digested, 'more', pg_catalog.cardinality(v_due) = digest_results.batch_limit
    );
end;
$$;

comment on function outbox.digest_results(integer) is
e'Job: tries the result functions that failed again, each by its lane''s delays.\n\n'
'The request is not sent again. batch_limit: messages of one slice. Returns processed, those that were taken, and '
'more.';
