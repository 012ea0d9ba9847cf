-- Enqueueing: a message is a row of the caller's own transaction, whether one or a million in one statement.
-- Locks: none but the keys'; who enqueues a key that another transaction has waits for its end.
-- needs: lanes partitions
create or replace function outbox.content_hash(
    destination text, method text, path text, content_type text, headers jsonb, user_id uuid, body bytea
)
returns bytea
language sql
stable
parallel safe
return sha256(convert_to(jsonb_build_array(
    content_hash.destination, content_hash.method, content_hash.path, content_hash.content_type, content_hash.headers,
    content_hash.user_id
)::text, 'UTF8') || content_hash.body);

comment on function outbox.content_hash(text, text, text, text, jsonb, uuid, bytea) is
'SHA-256 over what a message sends and whom it concerns, not over when.';

create or replace function outbox.headers_fit(headers jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select headers_fit.headers is null or case
        when pg_catalog.jsonb_typeof(headers_fit.headers) <> 'object' then false
        else (
            select count(*) <= 20 and coalesce(bool_and(
                h.key ~ '^[A-Za-z0-9-]{1,100}$'
                -- The sender makes these, or they would change where a request ends and what it proves.
                and pg_catalog.lower(h.key) not in (
                    'authorization', 'connection', 'content-length', 'content-type', 'cookie', 'expect', 'host',
                    'idempotency-key', 'keep-alive', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding',
                    'upgrade'
                )
                and pg_catalog.lower(h.key) not like 'webhook-%'
                and pg_catalog.jsonb_typeof(h.value) = 'string'
                and h.value #>> '{}' ~ '^[ -~]*$'
                and pg_catalog.length(h.value #>> '{}') <= 1000
            ), true)
            from pg_catalog.jsonb_each(headers_fit.headers) as h (key, value)
        )
    end;
$$;

comment on function outbox.headers_fit(jsonb) is
e'Whether these may be a message''s headers.\n\n'
'Up to 20, name to text of printable ASCII, and none of those that the sender makes itself.';

create or replace function outbox.enqueue(
    lane text,
    key text,
    destination text,
    body bytea,
    path text default '/',
    method text default 'POST',
    content_type text default 'application/json',
    headers jsonb default null,
    user_id uuid default null,
    not_before timestamptz default null,
    expires_at timestamptz default null
)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lane outbox.lanes := outbox.require_lane(enqueue.lane);
    v_now timestamptz := core.wall_clock();
    v_made_on date := core.business_day(v_now);
    v_message_id bigint := pg_catalog.nextval('outbox.messages_message_id_seq');
    v_hash bytea;
    v_first outbox.keys;
begin
    if not coalesce(enqueue.destination = any (v_lane.hosts), false) then
        perform core.raise('outbox_host_refused', pg_catalog.jsonb_build_object('lane', v_lane.lane));
    end if;
    if not outbox.headers_fit(enqueue.headers) then
        perform core.raise('outbox_message_invalid', pg_catalog.jsonb_build_object('what', 'headers'));
    end if;
    if v_lane.has_keys then
        v_hash := outbox.content_hash(
            enqueue.destination, enqueue.method, enqueue.path, enqueue.content_type, enqueue.headers, enqueue.user_id,
            enqueue.body
        );
        loop
            insert into outbox.keys (lane, message_key, message_id, made_on, content_hash)
            values (v_lane.lane, enqueue.key, v_message_id, v_made_on, v_hash)
            on conflict on constraint keys_pkey do nothing;
            exit when found;
            select k.* into v_first
            from outbox.keys as k
            where k.lane = v_lane.lane and k.message_key = enqueue.key;
            -- Its day may just have been dropped: then the key is free.
            continue when not found;
            if v_first.content_hash <> v_hash then
                perform core.raise('outbox_message_key_reused', pg_catalog.jsonb_build_object('lane', v_lane.lane));
            end if;
            return v_first.message_id;
        end loop;
    end if;

    perform outbox.ensure_day(v_made_on);
    insert into outbox.messages (
        message_id, made_on, lane, message_key, user_id, destination, method, path, content_type, headers, body,
        not_before, expires_at, made_at
    )
    overriding system value
    values (
        v_message_id, v_made_on, v_lane.lane, enqueue.key, enqueue.user_id, enqueue.destination, enqueue.method,
        enqueue.path, enqueue.content_type, enqueue.headers, enqueue.body, enqueue.not_before, enqueue.expires_at, v_now
    );
    insert into outbox.queue (message_id, made_on, lane, due_at, expires_at)
    values (
        v_message_id, v_made_on, v_lane.lane, greatest(enqueue.not_before, v_now + v_lane.delays[1]),
        enqueue.expires_at
    );
    return v_message_id;
end;
$$;

comment on function outbox.enqueue(
    text, text, text, bytea, text, text, text, jsonb, uuid, timestamptz, timestamptz
) is
e'Adds a message, which leaves once the caller''s transaction has committed; returns its message_id.\n\n'
'For the owner''s own functions. destination: one of the lane''s hosts, as its declaration writes it. user_id: the '
'person whom it concerns. not_before: it is not sent earlier. expires_at: from then on it is not sent any more. In a '
'lane that has keys, the same key again adds nothing and returns the first message; not_before and expires_at are then '
'those of the first.\n\n'
'Errors: outbox_lane_not_found, outbox_host_refused, outbox_message_invalid, outbox_message_key_reused; '
'40001 in a transaction that cannot see the first message, being repeatable read.';

create or replace function outbox.columns_of(query text, params jsonb)
returns text[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
-- The query is the owner's own functions'.
-- @plpgsql_check_options: security_warnings = off
declare
    v_columns text[];
begin
    -- A row of nulls has the columns, and nothing of the query is run for it.
    execute pg_catalog.format(
        'select array(select k from pg_catalog.jsonb_object_keys(pg_catalog.to_jsonb(r)) as k)
        from (
            select q.* from (select) as one left join (select * from (%s) as given limit 0) as q on true
        ) as r',
        columns_of.query
    )
    into v_columns
    using columns_of.params;
    return v_columns;
end;
$$;

comment on function outbox.columns_of(text, jsonb) is 'The names of the columns that a query gives; it is not run.';

create or replace function outbox.enqueue_from(lane text, query text, params jsonb default '{}')
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
-- The query is the owner's own functions'; all that is added to it is constant.
-- @plpgsql_check_options: security_warnings = off
declare
    v_lane outbox.lanes := outbox.require_lane(enqueue_from.lane);
    v_now timestamptz := core.wall_clock();
    v_made_on date := core.business_day(v_now);
    v_columns text[] := outbox.columns_of(enqueue_from.query, enqueue_from.params);
    v_drafts text;
    v_wrong text;
    v_refused bigint;
    v_unfit bigint;
    v_all bigint;
    v_made bigint;
    v_reused boolean;
begin
    select pg_catalog.string_agg(c.name, ', ' order by c.name) into v_wrong
    from pg_catalog.unnest(v_columns) as c (name)
    where c.name not in (
        'key', 'destination', 'body', 'path', 'method', 'content_type', 'headers', 'user_id', 'not_before', 'expires_at'
    );
    if v_wrong is not null or not v_columns @> array['key', 'destination', 'body'] then
        raise exception 'the query gives no key, destination and body, or columns that no message has: %', v_wrong
            using errcode = 'invalid_parameter_value';
    end if;
    select 'select q.key, q.destination, q.body, ' || pg_catalog.string_agg(
        case when c.name = any (v_columns) then pg_catalog.format('q.%I', c.name) else c.otherwise end
        || pg_catalog.format(' as %I', c.name), ', '
    ) || pg_catalog.format(' from (%s) as q', enqueue_from.query) into v_drafts
    from (values
        ('path', '''/''::text'), ('method', '''POST''::text'), ('content_type', '''application/json''::text'),
        ('headers', 'null::jsonb'), ('user_id', 'null::uuid'), ('not_before', 'null::timestamptz'),
        ('expires_at', 'null::timestamptz')
    ) as c (name, otherwise);
    perform outbox.ensure_day(v_made_on);

    -- $1 is the query's own. The rows go from it into the tables without an array, so that memory does not grow.
    execute pg_catalog.format(
        $sql$
        with drafts as materialized (
            select pg_catalog.nextval('outbox.messages_message_id_seq') as message_id, d.*
            from (%s) as d
        ),

        new_keys as (
            insert into outbox.keys (lane, message_key, message_id, made_on, content_hash)
            select
                $2, d.key, d.message_id, $3, outbox.content_hash(
                    d.destination, d.method, d.path, d.content_type, d.headers, d.user_id, d.body
                )
            from drafts as d
            where $6
            -- Two that enqueue the same keys wait for each other in one order.
            order by d.key
            on conflict on constraint keys_pkey do nothing
            returning message_id
        ),

        made as (
            insert into outbox.messages (
                message_id, made_on, lane, message_key, user_id, destination, method, path, content_type, headers,
                body, not_before, expires_at, made_at
            )
            overriding system value
            select
                d.message_id, $3, $2, d.key, d.user_id, d.destination, d.method, d.path, d.content_type, d.headers,
                d.body, d.not_before, d.expires_at, $4
            from drafts as d
            where not $6 or d.message_id in (select k.message_id from new_keys as k)
            returning message_id, not_before, expires_at
        ),

        queued as (
            insert into outbox.queue (message_id, made_on, lane, due_at, expires_at)
            select m.message_id, $3, $2, greatest(m.not_before, $5), m.expires_at
            from made as m
        )

        select
            (select count(*) from made),
            count(*),
            count(*) filter (where d.destination <> all ($7) or d.destination is null),
            count(*) filter (where d.headers is not null and not outbox.headers_fit(d.headers))
        from drafts as d
        $sql$,
        v_drafts
    )
    into v_made, v_all, v_refused, v_unfit
    using
        enqueue_from.params, v_lane.lane, v_made_on, v_now, v_now + v_lane.delays[1], v_lane.has_keys, v_lane.hosts;
    if v_refused > 0 then
        perform core.raise('outbox_host_refused', pg_catalog.jsonb_build_object(
            'lane', v_lane.lane, 'messages', v_refused
        ));
    end if;
    if v_unfit > 0 then
        perform core.raise('outbox_message_invalid', pg_catalog.jsonb_build_object(
            'what', 'headers', 'messages', v_unfit
        ));
    end if;

    if v_made < v_all then
        execute pg_catalog.format(
            'select exists (
                select
                from (%s) as d
                inner join outbox.keys as k on k.lane = $2 and k.message_key = d.key
                where k.content_hash <> outbox.content_hash(
                    d.destination, d.method, d.path, d.content_type, d.headers, d.user_id, d.body
                )
            )',
            v_drafts
        )
        into v_reused
        using enqueue_from.params, v_lane.lane;
        if v_reused then
            perform core.raise('outbox_message_key_reused', pg_catalog.jsonb_build_object('lane', v_lane.lane));
        end if;
    end if;
    return v_made;
end;
$$;

comment on function outbox.enqueue_from(text, text, jsonb) is
e'Adds the messages that a query gives, in one statement; returns how many were new.\n\n'
'query: a select whose columns are called as the arguments of outbox.enqueue; key, destination and body must be there. '
'In it, $1 is params. It runs with the rights of the caller, an owner''s function, and a second time when keys were '
'there already, so that it has to give the same again. All are added, or none.\n\n'
'Errors: those of outbox.enqueue; 22023 when the columns are others.';
