-- The API: everything that clients see, which is schema api. Written by `dotbase api` from a database built
-- of the templates, without bodies. What is taken away here breaks clients: `dotbase plan` tells it.

-- App outbox; for administrator.
create function api.cancel_outbox_message(
    message_id bigint
)
returns setof api.outbox_messages
volatile;

comment on function api.cancel_outbox_message(bigint) is
'Calls off a message that waits, and returns it as it is now.

For administrators. One that is being sent cannot be called off.

Errors: not_administrator, not_signed_in, outbox_message_not_waiting, outbox_message_being_sent.';

-- App luckywalk; for authenticated.
create function api.claim_steps(
    threshold integer,
    numbers integer[] default NULL::integer[]
)
returns setof api.claims
volatile;

comment on function api.claim_steps(integer, integer[]) is
'Claims the ticket for a number of steps that the caller has reached today.

threshold: 1000 to 10000 steps, in thousands. numbers: six different ones from 1 to 45, or none for a quick pick. A repeated call returns the first claim with its numbers.

Errors: not_signed_in, step_threshold_invalid, lottery_numbers_invalid, not_enough_steps.';

-- App luckywalk; for administrator.
create function api.close_round(
    round_no integer
)
returns setof api.rounds
volatile;

comment on function api.close_round(integer) is
'Closes and seals a round whose closing time has come, for an administrator.

Needed only when the job close_round is late. A repeated call changes nothing.

Errors: not_administrator, round_not_found, round_not_due.';

-- App luckywalk; for administrator.
create function api.correct_draw_result(
    round_no integer,
    numbers integer[],
    reason text
)
returns setof api.rounds
volatile;

comment on function api.correct_draw_result(integer, integer[], text) is
'Replaces winning numbers that were entered wrong, for an administrator.

Numbers may be corrected until the round is settled. A drawn round is drawn again by the next run of the job draw_apply_results. reason: 1 to 500 printable characters without spaces around them.

Errors: not_administrator, lottery_numbers_invalid, correction_reason_missing, round_not_found, round_not_closed, round_not_due, winning_numbers_not_set, round_already_settled.';

-- App luckywalk; for administrator.
create function api.draw_round(
    round_no integer
)
returns setof api.rounds
volatile;

comment on function api.draw_round(integer) is
'Draws a round whose winning numbers are entered, for an administrator.

Needed only when the next run of the job draw_apply_results is too late. A repeated call changes nothing.

Errors: not_administrator, round_not_found, round_not_closed, round_not_due, winning_numbers_not_set.';

-- App luckywalk; for administrator.
create function api.enter_draw_result(
    round_no integer,
    numbers integer[]
)
returns setof api.rounds
volatile;

comment on function api.enter_draw_result(integer, integer[]) is
'Enters the six winning numbers of a closed round, for an administrator.

Numbers may be entered from the draw time on. A repeated call with the same numbers changes nothing. Other numbers are refused: correct_draw_result replaces them.

Errors: not_administrator, lottery_numbers_invalid, round_not_found, round_not_closed, round_not_due, winning_numbers_already_set.';

-- App core; for administrator.
create function api.list_settings()
returns setof api.settings
stable;

comment on function api.list_settings() is
'All settings with their types, bounds and values.

For administrators and the owner.

Errors: not_administrator, not_signed_in.';

-- App ledger; for authenticated.
create function api.my_balances()
returns setof api.balances
stable;

comment on function api.my_balances() is
'Returns the caller''s balance in each account that a person can have, zero included.

Errors: not_signed_in.';

-- App luckywalk; for authenticated.
create function api.my_ticket_proof(
    ticket_id uuid
)
returns setof api.ticket_proofs
stable;

comment on function api.my_ticket_proof(uuid) is
'Returns the proof that the caller''s ticket is in the published seal of its round.

The proof is less than 3 KB of hashes, which tell nothing of other people''s tickets.

Errors: not_signed_in, ticket_not_found, round_not_closed.';

-- App luckywalk; for authenticated.
create function api.my_tickets(
    round_no integer
)
returns setof api.tickets
stable;

comment on function api.my_tickets(integer) is
'Returns the caller''s tickets of a round, the oldest first.

tier and prize (won) are null until the round is drawn, and for a ticket that wins nothing.

Errors: not_signed_in.';

-- App luckywalk; for authenticated.
create function api.my_today()
returns setof api.today
stable;

comment on function api.my_today() is
'Returns the caller''s business day: steps, thresholds, round and tickets.

The thresholds are those claimed, those that can be claimed now, and the next one to reach. The round is the one that a claim would go into now; tickets counts what the caller has in it, banked claims included.

Errors: not_signed_in.';

-- App luckywalk; for authenticated.
create function api.my_walker_profile()
returns setof api.user_profiles
stable;

comment on function api.my_walker_profile() is
'Returns the caller''s profile.

Errors: not_signed_in, walker_profile_not_found.';

-- App outbox; for administrator.
create function api.outbox_status()
returns setof api.outbox_lanes
stable;

comment on function api.outbox_status() is
'How each lane is doing: what waits, since when, what was given up, whether it is paused.

For administrators and the owner.

Errors: not_administrator, not_signed_in.';

-- App outbox; for administrator.
create function api.replay_outbox_lane(
    lane text,
    died_from timestamp with time zone default NULL::timestamp with time zone,
    died_before timestamp with time zone default NULL::timestamp with time zone
)
returns setof api.outbox_replays
volatile;

comment on function api.replay_outbox_lane(text, timestamp with time zone, timestamp with time zone) is
'Puts the dead letters of a lane back that died in a time; returns how many.

For administrators. died_from, died_before: null for any time. What has expired stays; the rest is as of replay_outbox_message.

Errors: not_administrator, not_signed_in, outbox_lane_not_found.';

-- App outbox; for administrator.
create function api.replay_outbox_message(
    message_id bigint
)
returns setof api.outbox_replays
volatile;

comment on function api.replay_outbox_message(bigint) is
'Puts a dead letter back.

For administrators. The message is sent again under the same Idempotency-Key, with all the lane''s attempts. Of one whose result function failed, the function alone is tried, and the message not before it has worked.

Errors: not_administrator, not_signed_in, dead_letter_not_found.';

-- App luckywalk; for authenticated.
create function api.report_steps(
    steps integer
)
returns setof api.daily_progress
volatile;

comment on function api.report_steps(integer) is
'Reports how many steps the caller has walked today.

steps is the total of the business day. Reports may come late and out of order: the highest one counts.

Errors: not_signed_in, steps_invalid.';

-- App luckywalk; for authenticated.
create function api.save_walker_profile(
    nickname text
)
returns setof api.user_profiles
volatile;

comment on function api.save_walker_profile(text) is
'Makes or changes the caller''s profile.

nickname: 1 to 30 printable characters without spaces around them.

Errors: not_signed_in, walker_nickname_invalid.';

-- App core; for administrator.
create function api.set_setting(
    name text,
    value jsonb
)
returns setof api.settings
volatile;

comment on function api.set_setting(text, jsonb) is
'Changes a setting, records the change and returns the setting as it is now.

For administrators and the owner.

Errors: not_administrator, not_signed_in, setting_not_found, setting_invalid.';

-- App luckywalk; for administrator.
create function api.settle_round(
    round_no integer
)
returns setof api.rounds
volatile;

comment on function api.settle_round(integer) is
'Pays the prizes of a drawn round whose settlement time has come, for an administrator.

Needed only when the next run of the job settle_round is too late. A repeated call changes nothing.

Errors: not_administrator, round_not_found, round_not_drawn, round_not_due.';

-- App jobs; for anon, authenticated, service_role.
create function api.trigger_job(
    job text,
    slot text default NULL::text
)
returns api.job_runs
volatile;

comment on function api.trigger_job(text, text) is
'Queues a run of a job for a moment, and answers with it.

slot: UTC, YYYY-MM-DDTHH:MM:SSZ; by default this second; when its run has begun, another is queued, a microsecond later. The same moment again is answered with its first run. For service_role, administrators, or whoever signs, as the job declares. Errors: cron_signature_invalid, job_not_found, not_signed_in, slot_invalid.';

-- App luckywalk; for anon, authenticated.
create view api.round_tiers (
    round_no integer,
    tier smallint,
    winners_count bigint,
    prize_each bigint,
    remainder bigint
);

comment on view api.round_tiers is
'Winners and prizes (won) of a drawn round, a row a tier.

A corrected round has no rows until it is drawn again.';

-- App luckywalk; for anon, authenticated.
create view api.rounds (
    round_no integer,
    status text,
    opens_at timestamp with time zone,
    closes_at timestamp with time zone,
    draws_at timestamp with time zone,
    settles_at timestamp with time zone,
    tier1_pot bigint,
    tier2_pot bigint,
    tier3_prize bigint,
    tier4_prize bigint,
    tier5_prize bigint,
    total_tickets bigint,
    seal_root text,
    closed_at timestamp with time zone,
    winning_numbers integer[],
    drawn_at timestamp with time zone,
    winners_count bigint,
    settled_at timestamp with time zone
);

comment on view api.rounds is
'Rounds with their times, prizes, the seal of their tickets, and the winning numbers.

drawn_at and winners_count are null while a corrected round waits to be drawn again.';

create type api.balances as (
    account text,
    currency text,
    balance bigint,
    description text
);

comment on type api.balances is
'A balance in the smallest unit of its currency.';

create type api.claims as (
    day date,
    source text,
    step integer,
    round_no integer,
    ticket_id uuid,
    numbers integer[],
    is_banked boolean,
    claimed_at timestamp with time zone
);

comment on type api.claims is
'A claim and the ticket that it made.

step is the threshold that was reached, a number of steps. is_banked is true while the ticket waits for its round to open.';

create type api.daily_progress as (
    day date,
    steps integer
);

comment on type api.daily_progress is
'The steps that count for a business day.';

create type api.job_runs as (
    success boolean,
    run_id bigint,
    job text,
    slot timestamp with time zone,
    status text,
    processed bigint,
    result jsonb,
    reason text,
    code text,
    message text,
    details text,
    hint text
);

comment on type api.job_runs is
'A run of a job, as whoever triggered it is told.

success: false when it failed or the trigger was refused; then code, message, details and hint are the error''s. processed: rows so far, zero while it waits for its turn.';

create type api.outbox_lanes as (
    lane text,
    description text,
    waiting bigint,
    leased bigint,
    oldest_due_at timestamp with time zone,
    undigested bigint,
    dead bigint,
    failures_of_last_50 integer,
    paused_until timestamp with time zone,
    pause_reason text,
    removed boolean
);

comment on type api.outbox_lanes is
'How a lane is doing.

oldest_due_at: since when the oldest message that is due waits. undigested: ended, but its result function failed.';

create type api.outbox_messages as (
    message_id bigint,
    lane text,
    message_key text,
    state text,
    attempts integer,
    due_at timestamp with time zone,
    made_at timestamp with time zone
);

comment on type api.outbox_messages is
'Where a message is.

state: waiting, leased, delivered, refused, dead, expired or cancelled. attempts: that were made so far.';

create type api.outbox_replays as (
    replayed bigint
);

comment on type api.outbox_replays is
'How many dead letters were put back.';

create type api.settings as (
    name text,
    value_type text,
    value jsonb,
    default_value jsonb,
    minimum jsonb,
    maximum jsonb,
    description text
);

comment on type api.settings is
'A setting: its type, value in force, default and bounds.';

create type api.ticket_proofs as (
    ticket_id uuid,
    user_id uuid,
    round_no integer,
    mask bigint,
    total_tickets bigint,
    leaf_index integer,
    chunk_leaves text[],
    path jsonb,
    seal_root text
);

comment on type api.ticket_proofs is
'What recomputes the seal of a round from one ticket.

All hashes are hexadecimal. chunk_leaves are the other leaves of the ticket''s chunk, in order; the ticket''s own leaf belongs at leaf_index, which counts from 0. path lists the siblings from the chunk up to the root, each as {"side": "left" or "right", "hash"}.';

create type api.tickets as (
    ticket_id uuid,
    round_no integer,
    numbers integer[],
    is_banked boolean,
    tier smallint,
    prize bigint,
    created_at timestamp with time zone
);

comment on type api.tickets is
'A walker''s ticket.

is_banked is true while the ticket waits for its round to open. tier and prize (won) are null until the round is drawn, and for a ticket that wins nothing.';

create type api.today as (
    day date,
    steps integer,
    claimed integer[],
    claimable integer[],
    next_threshold integer,
    round_no integer,
    round_status text,
    closes_at timestamp with time zone,
    tickets bigint
);

comment on type api.today is
'A walker''s business day.

claimed, claimable and next_threshold are numbers of steps. The round is the one that a claim would go into now; round_status is null while that round does not exist. tickets counts the walker''s tickets in it, banked ones included.';

create type api.user_profiles as (
    user_id uuid,
    nickname text,
    created_at timestamp with time zone
);

comment on type api.user_profiles is
'A walker''s own profile.';
