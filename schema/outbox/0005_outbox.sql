-- Outbox: what leaves for the outside world. Lanes and their states; messages, the narrow queue of those that wait,
-- the attempts of each, keys, results that wait for their function, dead letters, events, relays.
create schema outbox;

comment on schema outbox is 'What the business wants the world to know, and whether it arrived.';

create table outbox.lanes (
    lane text not null,
    app text not null,
    description text not null,
    sender text not null,
    hosts text[] not null,
    auth jsonb not null,
    secrets text[] not null,
    response_limit integer not null,
    per_minute integer,
    burst integer not null,
    ramp interval not null,
    in_flight integer not null,
    connect_timeout interval not null,
    request_timeout interval not null,
    lease interval not null,
    delays interval[] not null,
    has_keys boolean not null,
    pause_on integer[] not null,
    result_function text,
    removed_at timestamptz,
    constraint lanes_pkey primary key (lane),
    constraint lanes_lane_is_snake_case check (lane ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint lanes_sender_known check (sender in ('relay')),
    constraint lanes_hosts_not_empty check (cardinality(hosts) > 0),
    constraint lanes_response_limit_in_bounds check (response_limit between 1 and 8388608),
    constraint lanes_rate_is_positive check (per_minute > 0 and burst > 0 and ramp >= interval '0'),
    constraint lanes_in_flight_in_bounds check (in_flight between 1 and 1000),
    constraint lanes_times_in_order check (
        connect_timeout > interval '0' and connect_timeout <= request_timeout and request_timeout < lease
    ),
    constraint lanes_delays_in_bounds check (cardinality(delays) between 1 and 100 and interval '0' <= all(delays))
);

comment on table outbox.lanes is
'Lanes: messages of one kind, with their hosts, secrets, rate and time-outs. Declared in functions/<app>/lanes.yaml.';
comment on column outbox.lanes.sender is 'relay: `dotbase relay` sends its messages.';
comment on column outbox.lanes.hosts is
'Where its messages may go: `api.example.com`, `api.example.com:8443`; `http://127.0.0.1:8080` for tests only.';
comment on column outbox.lanes.auth is 'How a request proves who we are: `kind`, names of secrets, what it adds.';
comment on column outbox.lanes.secrets is 'Names of the secrets that the sender may read for the lane.';
comment on column outbox.lanes.response_limit is 'Bytes; a longer response is refused.';
comment on column outbox.lanes.per_minute is 'How many messages leave in a minute at most; null is any number.';
comment on column outbox.lanes.burst is 'How many may leave at once after a quiet time, where there is a rate.';
comment on column outbox.lanes.ramp is 'How long a lane that was quiet for that long takes to come to its whole rate.';
comment on column outbox.lanes.in_flight is 'Requests under way at a time, for each relay.';
comment on column outbox.lanes.lease is 'For how long a message belongs to the sender that took it.';
comment on column outbox.lanes.delays is
'Waits before the first attempt, the second and so on. An attempt that has no wait any more was the last.';
comment on column outbox.lanes.has_keys is 'Whether a message key is registered, so that it is sent once.';
comment on column outbox.lanes.pause_on is 'HTTP statuses that are about us, not the message: they pause the lane.';
comment on column outbox.lanes.result_function is
'Gets what became of messages: `schema.name`, of one outbox.result[].';
comment on column outbox.lanes.removed_at is 'Since when no lanes.yaml declares it; its messages wait.';

create table outbox.lane_states (
    lane text not null,
    outcomes bit varying(50) default '' not null,
    pauses integer default 0 not null,
    pause_reason text,
    paused_until timestamptz,
    probe_message_id bigint,
    probe_lease_no integer,
    probe_until timestamptz,
    tokens double precision not null,
    filled_at timestamptz not null,
    ramp_began_at timestamptz not null,
    constraint lane_states_pkey primary key (lane),
    constraint lane_states_lane_fkey foreign key (lane) references outbox.lanes (lane) on delete cascade,
    constraint lane_states_pauses_not_negative check (pauses >= 0),
    constraint lane_states_paused_with_a_reason check (
        (pauses > 0) = (paused_until is not null and pause_reason is not null)
    ),
    constraint lane_states_probe_is_whole check (
        (probe_until is not null) = (probe_message_id is not null and probe_lease_no is not null)
    ),
    constraint lane_states_tokens_not_negative check (tokens >= 0)
) with (fillfactor = 50);

comment on table outbox.lane_states is
'What a lane goes through: its last outcomes, its pauses, what is left of its rate.';
comment on column outbox.lane_states.outcomes is
'The last 50, a failure is 1; written only while there are failures.';
comment on column outbox.lane_states.pauses is 'Pauses in a row; above zero until a probe succeeds.';
comment on column outbox.lane_states.paused_until is
'Until then nothing leaves; then one message at a time, the probe.';
comment on column outbox.lane_states.probe_until is 'Until then the probe belongs to its sender.';
comment on column outbox.lane_states.tokens is 'How many messages may leave at filled_at, where the lane has a rate.';
comment on column outbox.lane_states.ramp_began_at is 'When the lane began to come to its whole rate.';

create table outbox.messages (
    message_id bigint generated always as identity,
    made_on date not null,
    lane text not null,
    message_key text not null,
    idempotency_key uuid default gen_random_uuid() not null,
    user_id uuid,
    destination text not null,
    method text not null,
    path text not null,
    content_type text not null,
    headers jsonb,
    body bytea,
    not_before timestamptz,
    expires_at timestamptz,
    made_at timestamptz not null,
    erased_at timestamptz,
    constraint messages_pkey primary key (message_id, made_on),
    constraint messages_key_length check (length(message_key) between 1 and 200),
    constraint messages_method_known check (method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    -- Printable ASCII but `#`, which ends a query, and `\`, which some clients read as `/`.
    constraint messages_path_is_a_path check (path ~ '^/[!"$-\[\]-~]*$' and length(path) <= 2000),
    constraint messages_content_type_is_one check (
        content_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+(; ?[a-z0-9-]+=[A-Za-z0-9._-]+)?$'
        and length(content_type) <= 100
    ),
    constraint messages_headers_are_an_object check (jsonb_typeof(headers) = 'object'),
    constraint messages_body_length check (length(body) <= 1048576),
    constraint messages_body_until_erased check ((body is null) = (erased_at is not null)),
    constraint messages_expire_after_they_are_due check (
        expires_at > made_at and expires_at > coalesce(not_before, made_at)
    )
) partition by range (made_on);

comment on table outbox.messages is
'What left or is to leave. A message never changes; its body may be erased after it ended.';
comment on column outbox.messages.made_on is 'The business day on which it was made; its partition.';
comment on column outbox.messages.message_key is
'What the message is about, given by its maker: once a lane that has keys.';
comment on column outbox.messages.idempotency_key is 'Sent with every attempt, so that the receiver may know a repeat.';
comment on column outbox.messages.user_id is 'The person whom it concerns, if one.';
comment on column outbox.messages.destination is 'A host of the lane, as its declaration writes it.';
comment on column outbox.messages.path is 'Path and query, percent-encoded.';
comment on column outbox.messages.headers is 'More headers, name to text; none that the sender makes itself.';
comment on column outbox.messages.expires_at is 'From then on it is not sent any more.';

create table outbox.attempts (
    message_id bigint not null,
    made_on date not null,
    lease_no integer not null,
    is_stale boolean default false not null,
    at timestamptz not null,
    outcome text not null,
    ended text,
    is_charged boolean default false not null,
    status integer,
    error text,
    retry_after interval,
    response_headers jsonb,
    response_body bytea,
    constraint attempts_pkey primary key (message_id, lease_no, is_stale, made_on),
    constraint attempts_outcome_known check (
        outcome in ('delivered', 'refused', 'failed', 'unknown', 'paused', 'expired', 'cancelled')
    ),
    constraint attempts_ended_known check (ended in ('delivered', 'refused', 'dead', 'expired', 'cancelled')),
    constraint attempts_stale_ends_nothing check (not is_stale or (ended is null and not is_charged)),
    constraint attempts_response_of_the_last check (
        ended is not null or (response_headers is null and response_body is null)
    )
) partition by range (made_on);

comment on table outbox.attempts is 'What became of each lease of a message. Rows are added, never changed.';
comment on column outbox.attempts.made_on is 'That of the message, so that both go together.';
comment on column outbox.attempts.is_stale is
'Reported after the lease had passed to another, or twice: it changed nothing.';
comment on column outbox.attempts.outcome is
'unknown: sent, and no answer; paused: a status that is about us and not about the message.';
comment on column outbox.attempts.ended is 'How this attempt ended the message; null while it goes on.';
comment on column outbox.attempts.is_charged is 'Whether it counts against the lane''s delays.';
comment on column outbox.attempts.error is 'A code of the sender''s where no response came, or what is wrong with it.';
comment on column outbox.attempts.response_body is 'Of the attempt that ended the message.';

create table outbox.queue (
    message_id bigint not null,
    made_on date not null,
    lane text not null,
    due_at timestamptz not null,
    expires_at timestamptz,
    leases integer default 0 not null,
    attempts integer default 0 not null,
    is_leased boolean default false not null,
    constraint queue_pkey primary key (message_id),
    constraint queue_counts_not_negative check (leases >= 0 and attempts >= 0)
) with (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.2,
    autovacuum_vacuum_cost_delay = 0
);

comment on table outbox.queue is 'The messages that have not ended, a narrow row each.';
comment on column outbox.queue.due_at is 'From when on it may be taken; of one that is leased, the end of its lease.';
comment on column outbox.queue.leases is 'How often it was taken: the number of its newest lease.';
comment on column outbox.queue.attempts is 'Attempts that count against the lane''s delays.';
comment on column outbox.queue.is_leased is 'Whether a sender has it and has not reported.';

create index queue_lane_due_at_idx on outbox.queue (lane, due_at, message_id);

create table outbox.keys (
    lane text not null,
    message_key text not null,
    message_id bigint not null,
    made_on date not null,
    content_hash bytea not null,
    constraint keys_pkey primary key (lane, message_key)
);

comment on table outbox.keys is 'The keys of messages, each once a lane, for as long as its message is kept.';
comment on column outbox.keys.content_hash is 'SHA-256 over what is sent: a key stands for one content.';

create table outbox.undigested (
    message_id bigint not null,
    made_on date not null,
    lane text not null,
    lease_no integer not null,
    due_at timestamptz not null,
    tries integer not null,
    sqlstate text not null,
    reason text not null,
    constraint undigested_pkey primary key (message_id),
    constraint undigested_tries_is_positive check (tries > 0)
);

comment on table outbox.undigested is 'Messages that ended, and whose result function failed: it alone is tried again.';
comment on column outbox.undigested.lease_no is 'The attempt that ended the message, which has the response.';
comment on column outbox.undigested.tries is 'How often the function has failed.';

create index undigested_due_at_idx on outbox.undigested (due_at);

create table outbox.dead_letters (
    message_id bigint not null,
    made_on date not null,
    lane text not null,
    lease_no integer not null,
    what text not null,
    reason text not null,
    died_at timestamptz not null,
    constraint dead_letters_pkey primary key (message_id, what),
    constraint dead_letters_what_known check (what in ('delivery', 'result'))
);

comment on table outbox.dead_letters is 'What was given up, until an administrator replays it.';
comment on column outbox.dead_letters.lease_no is 'The last attempt.';
comment on column outbox.dead_letters.what is
'delivery: the message has not arrived; result: it ended, and its result function failed too often.';

create index dead_letters_lane_idx on outbox.dead_letters (lane, died_at);

create table outbox.events (
    event_id bigint generated always as identity,
    happened_at timestamptz not null,
    kind text not null,
    lane text not null,
    details jsonb not null,
    constraint events_pkey primary key (event_id),
    constraint events_kind_known check (kind in ('paused', 'resumed', 'dead', 'replayed', 'cancelled'))
);

comment on table outbox.events is
'What people should know of lanes: pauses, dead letters, and what was done about them.';

create table outbox.relays (
    relay_name text not null,
    version text not null,
    began_at timestamptz not null,
    heartbeat_at timestamptz not null,
    constraint relays_pkey primary key (relay_name),
    constraint relays_text_lengths check (length(relay_name) between 1 and 100 and length(version) <= 100)
);

comment on table outbox.relays is 'Relays, and when each was last alive.';
comment on column outbox.relays.began_at is 'Since when it runs with this version.';
