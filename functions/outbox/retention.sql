-- Retention: days whose messages have all ended go after a time, with what was kept of them; what expires ends in time;
-- a person's bodies can be erased at any time.
-- Locks: rows of the queue, tried. Of a day that goes, both tables, messages first, for which it waits two seconds.
-- needs: concluding partitions
create or replace function outbox.expire_messages(batch_limit integer)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_expired outbox.queue[];
begin
    select coalesce(pg_catalog.array_agg(b.q), '{}') into v_expired
    from (
        select q
        from outbox.queue as q
        -- One that is being sent may still arrive.
        where q.expires_at <= v_now and (not q.is_leased or q.due_at <= v_now)
        order by q.message_id
        limit expire_messages.batch_limit
        for update skip locked
    ) as b;
    perform outbox.conclude(array(
        select row(
            e.message_id, e.made_on, e.lane, e.leases + 1, e.attempts, 'expired', 'expired', false,
            null, null, null, null, null, null
        )::outbox.verdict
        from pg_catalog.unnest(v_expired) as e
    ));
    return pg_catalog.jsonb_build_object(
        'processed', pg_catalog.cardinality(v_expired),
        'more', pg_catalog.cardinality(v_expired) = expire_messages.batch_limit
    );
end;
$$;

comment on function outbox.expire_messages(integer) is
e'Job: ends messages that have expired, also those of a lane that is paused or that nobody sends.\n\n'
'batch_limit: messages of one slice. Returns processed and more.';

create or replace function outbox.oldest_day_to_drop()
returns date
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- The partitions' names say their days.
    select min(d.day)
    from pg_catalog.pg_inherits as i
    inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
    cross join lateral (
        select pg_catalog.to_date(pg_catalog.right(c.relname, 10), 'YYYY_MM_DD') as day
    ) as d
    where i.inhparent = 'outbox.messages'::regclass
        and d.day < core.business_day() - core.setting_integer('outbox.history_days')::integer
        and not exists (select from outbox.queue as q where q.made_on = d.day)
        and not exists (select from outbox.undigested as u where u.made_on = d.day);
$$;

comment on function outbox.oldest_day_to_drop() is
'The oldest day that is kept no longer and of which every message has ended; null when there is none.';

create or replace function outbox.drop_day(day date)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- Whoever enqueues would wait behind this one: a later try is better.
set lock_timeout = '2s'
as $$
declare
    v_suffix text := pg_catalog.to_char(drop_day.day, '_YYYY_MM_DD');
begin
    lock table outbox.messages, outbox.attempts in access exclusive mode;
    delete from outbox.dead_letters as d
    where d.made_on = drop_day.day;
    execute pg_catalog.format('drop table %I.%I', 'outbox', 'messages' || v_suffix);
    execute pg_catalog.format('drop table if exists %I.%I', 'outbox', 'attempts' || v_suffix);
end;
$$;

comment on function outbox.drop_day(date) is
e'Drops the partitions of a day, and its dead letters.\n\n'
'Errors: 55P03 when somebody uses the tables for longer than two seconds.';

create or replace function outbox.purge_outbox(batch_limit integer)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_day date := outbox.oldest_day_to_drop();
    v_before timestamptz := core.wall_clock()
        - pg_catalog.make_interval(days => core.setting_integer('outbox.history_days')::integer);
    v_keys bigint;
begin
    if v_day is null then
        delete from outbox.events as e
        where e.happened_at < v_before;
        delete from outbox.relays as r
        where r.heartbeat_at < v_before;
        return pg_catalog.jsonb_build_object('processed', 0);
    end if;
    delete from outbox.keys as k
    using (
        select m.lane, m.message_key, m.message_id
        from outbox.messages as m
        inner join outbox.keys as o
            on o.lane = m.lane and o.message_key = m.message_key and o.message_id = m.message_id
        where m.made_on = v_day
        limit purge_outbox.batch_limit
    ) as o
    where k.lane = o.lane and k.message_key = o.message_key and k.message_id = o.message_id;
    get diagnostics v_keys = row_count;
    if v_keys < purge_outbox.batch_limit then
        perform outbox.drop_day(v_day);
    end if;
    return pg_catalog.jsonb_build_object('processed', v_keys, 'day', v_day, 'more', true);
end;
$$;

comment on function outbox.purge_outbox(integer) is
e'Job: drops the days that are kept no longer, oldest first, with their keys and dead letters.\n\n'
'Kept are outbox.history_days days, and each day of which a message has not ended. batch_limit: keys of one slice. '
'Returns processed, the day that it is at, and more.\n\n'
'Errors: 55P03 when somebody uses the tables for longer than two seconds.';

create or replace function outbox.erase_bodies(user_id uuid)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_erased bigint;
begin
    -- Without its body a message cannot be sent again.
    delete from outbox.dead_letters as d
    using outbox.messages as m
    where m.message_id = d.message_id and m.made_on = d.made_on and m.user_id = erase_bodies.user_id;

    update outbox.messages as m
    set body = null, headers = null, erased_at = v_now
    where m.user_id = erase_bodies.user_id
        and m.erased_at is null
        and not exists (select from outbox.queue as q where q.message_id = m.message_id)
        and not exists (select from outbox.undigested as u where u.message_id = m.message_id);
    get diagnostics v_erased = row_count;

    update outbox.attempts as a
    set response_headers = null, response_body = null
    from outbox.messages as m
    where m.message_id = a.message_id
        and m.made_on = a.made_on
        and m.user_id = erase_bodies.user_id
        and m.erased_at is not null
        and (a.response_headers is not null or a.response_body is not null);
    return v_erased;
end;
$$;

comment on function outbox.erase_bodies(uuid) is
e'Erases what was sent about a person and what was answered, of messages that ended; returns how many.\n\n'
'For the owner''s own functions. Dead letters about the person cannot be replayed any more. What waits stays: cancel '
'it first.';
