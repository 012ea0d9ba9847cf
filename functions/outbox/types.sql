-- Row types: what the functions of a relay take and give, what a result function gets, and what RPCs answer.
create type outbox.relay_lane as (
    lane text,
    hosts text array,
    auth jsonb,
    response_limit integer,
    in_flight integer,
    connect_timeout interval,
    request_timeout interval,
    lease interval
);

comment on type outbox.relay_lane is
e'A lane as a relay needs it.\n\n'
'auth: {"kind": …} with the names of secrets; response_limit: bytes; in_flight: requests at a time, for each relay.';

create type outbox.claimed_message as (
    message_id bigint,
    lease_no integer,
    due_at timestamptz,
    idempotency_key uuid,
    method text,
    url text,
    content_type text,
    headers jsonb,
    body bytea
);

comment on type outbox.claimed_message is
e'A message that a sender has leased.\n\n'
'due_at: when it was due, before it was leased; url: scheme, host, port, path and query; headers: name to text, or '
'null.';

create type outbox.report as (
    message_id bigint,
    lease_no integer,
    status integer,
    error text,
    was_sent boolean,
    retry_after interval,
    headers jsonb,
    body bytea
);

comment on type outbox.report is
e'What came of one attempt, as its sender saw it.\n\n'
'status: of the whole response, else null; error: what went wrong, else null; was_sent: whether the receiver may have '
'got the request; retry_after: what the response asked for; headers, body: of the response.';

create type outbox.lease as (
    message_id bigint,
    lease_no integer
);

comment on type outbox.lease is 'A lease of a message.';

create type outbox.result as (
    message_id bigint,
    lane text,
    message_key text,
    user_id uuid,
    outcome text,
    status integer,
    error text,
    headers jsonb,
    body bytea
);

comment on type outbox.result is
e'How a message ended, as a result function gets it.\n\n'
'outcome: delivered, refused, dead, expired or cancelled; status, error, headers, body: of the last attempt, where '
'there was one.';

create type outbox.verdict as (
    message_id bigint,
    made_on date,
    lane text,
    lease_no integer,
    attempts integer,
    outcome text,
    ended text,
    is_charged boolean,
    due_at timestamptz,
    status integer,
    error text,
    retry_after interval,
    headers jsonb,
    body bytea
);

comment on type outbox.verdict is
e'What becomes of a message after an attempt, within the outbox.\n\n'
'attempts: those charged, this one among them; ended: null when it goes on, at due_at.';

create type api.outbox_lanes as (
    lane text,
    description text,
    waiting bigint,
    leased bigint,
    oldest_due_at timestamptz,
    undigested bigint,
    dead bigint,
    failures_of_last_50 integer,
    paused_until timestamptz,
    pause_reason text,
    removed boolean
);

comment on type api.outbox_lanes is
e'How a lane is doing.\n\n'
'oldest_due_at: since when the oldest message that is due waits. undigested: ended, but its result function failed.';

create type api.outbox_messages as (
    message_id bigint,
    lane text,
    message_key text,
    state text,
    attempts integer,
    due_at timestamptz,
    made_at timestamptz
);

comment on type api.outbox_messages is
e'Where a message is.\n\n'
'state: waiting, leased, delivered, refused, dead, expired or cancelled. attempts: that were made so far.';

create type api.outbox_replays as (
    replayed bigint
);

comment on type api.outbox_replays is 'How many dead letters were put back.';
