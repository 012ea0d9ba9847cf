-- The API: everything that clients see, which is schema api. Written by `dotbase api` from a database built
-- of the templates, without bodies. What is taken away here breaks clients: `dotbase plan` tells it.

-- App luckywalk; for authenticated.
create function api.claim_steps(
    threshold integer,
    numbers integer[] default NULL::integer[]
)
returns setof api.claims
volatile;

comment on function api.claim_steps(integer, integer[]) is
'Claims the ticket of a threshold (1000 to 10000 steps, in thousands) reached today. numbers: six different
ones of 1 to 45, or none for a quick pick. Repeated, it returns the first claim and its numbers.
Errors: not_signed_in, threshold_invalid, numbers_invalid, not_enough_steps.';

-- App luckywalk; for administrator.
create function api.close_round(
    round_no integer
)
returns setof api.rounds
volatile;

comment on function api.close_round(integer) is
'Closes and seals a round whose time has come, for an administrator, when the job is late. Repeated, it
changes nothing. Errors: not_administrator, round_not_found, round_not_due.';

-- App luckywalk; for administrator.
create function api.correct_result(
    round_no integer,
    numbers integer[],
    reason text
)
returns setof api.rounds
volatile;

comment on function api.correct_result(integer, integer[], text) is
'Replaces winning numbers that were entered wrong, until settlement. reason: 1 to 500 printable characters.
A drawn round is drawn again by the next run of the job. Errors: not_administrator, numbers_invalid, correction_reason_missing,
round_not_found, round_not_closed, round_not_due, numbers_not_set, round_already_settled.';

-- App luckywalk; for administrator.
create function api.draw_round(
    round_no integer
)
returns setof api.rounds
volatile;

comment on function api.draw_round(integer) is
'Draws a round whose numbers are entered, for an administrator who does not wait for the job. Repeated, it
changes nothing. Errors: not_administrator, round_not_found, round_not_closed, round_not_due,
numbers_not_set.';

-- App luckywalk; for administrator.
create function api.enter_result(
    round_no integer,
    numbers integer[]
)
returns setof api.rounds
volatile;

comment on function api.enter_result(integer, integer[]) is
'Enters the six winning numbers of a closed round, from its draw time on, for an administrator. Repeated
with the same numbers, it changes nothing. Errors: not_administrator, numbers_invalid, round_not_found,
round_not_closed, round_not_due, numbers_already_set.';

-- App core; for administrator.
create function api.list_settings()
returns setof api.settings
stable;

comment on function api.list_settings() is
'All settings with type, bounds and value. Errors: not_administrator.';

-- App ledger; for authenticated.
create function api.my_balances()
returns setof api.balances
stable;

comment on function api.my_balances() is
'The caller''s balance in each account a person can have, zero included. Errors: not_signed_in.';

-- App luckywalk; for authenticated.
create function api.my_ticket_proof(
    ticket_id uuid
)
returns setof api.ticket_proofs
stable;

comment on function api.my_ticket_proof(uuid) is
'What proves that the caller''s ticket is in its round''s published seal: under 3 KB of hashes that tell
nothing of other people''s tickets. Errors: not_signed_in, ticket_not_found, round_not_closed.';

-- App luckywalk; for authenticated.
create function api.my_tickets(
    round_no integer
)
returns setof api.tickets
stable;

comment on function api.my_tickets(integer) is
'The caller''s tickets of a round, oldest first; tier and prize (won) once the round is drawn.
Errors: not_signed_in.';

-- App luckywalk; for authenticated.
create function api.my_today()
returns setof api.today
stable;

comment on function api.my_today() is
'The caller''s business day: steps, thresholds claimed, claimable and next, the round that a claim would go
to now, and the tickets in it. Errors: not_signed_in.';

-- App luckywalk; for authenticated.
create function api.my_walker_profile()
returns setof api.user_profiles
stable;

comment on function api.my_walker_profile() is
'The caller''s profile. Errors: not_signed_in, walker_profile_not_found.';

-- App luckywalk; for authenticated.
create function api.report_steps(
    steps integer
)
returns setof api.daily_progress
volatile;

comment on function api.report_steps(integer) is
'Reports the total of today''s steps; the highest report of the business day counts.
Errors: not_signed_in, steps_invalid.';

-- App luckywalk; for authenticated.
create function api.save_walker_profile(
    nickname text
)
returns setof api.user_profiles
volatile;

comment on function api.save_walker_profile(text) is
'Makes or changes the caller''s profile. nickname: 1 to 30 printable characters.
Errors: not_signed_in, nickname_invalid.';

-- App core; for administrator.
create function api.set_setting(
    name text,
    value jsonb
)
returns setof api.settings
volatile;

comment on function api.set_setting(text, jsonb) is
'Changes a setting and keeps the change. Administrators and the owner. Returns the setting as it is now.
Errors: not_administrator, setting_not_found, setting_invalid.';

-- App luckywalk; for administrator.
create function api.settle_round(
    round_no integer
)
returns setof api.rounds
volatile;

comment on function api.settle_round(integer) is
'Pays a drawn round whose time has come, for an administrator. Repeated, it changes nothing.
Errors: not_administrator, round_not_found, round_not_drawn, round_not_due.';

-- App jobs; for anon, authenticated, service_role.
create function api.trigger_job(
    job text,
    slot text default NULL::text
)
returns api.job_runs
volatile;

comment on function api.trigger_job(text, text) is
'Queues a run of a job for a moment (UTC, YYYY-MM-DDTHH:MM:SSZ; by default this second) and answers with it;
the same moment again with its first run. For service_role, administrators, or whoever signs, as the job
declares. Errors: cron_signature_invalid, job_not_found, not_signed_in, slot_invalid.';

-- App luckywalk; for anon, authenticated.
create view api.round_tiers (
    round_no integer,
    tier smallint,
    winners bigint,
    prize_each bigint,
    remainder bigint
);

comment on view api.round_tiers is
'Winners and prize (won) of each tier of a drawn round; none while a corrected round waits to be drawn again.';

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
    ticket_count bigint,
    seal_root text,
    closed_at timestamp with time zone,
    winning_numbers integer[],
    drawn_at timestamp with time zone,
    winners_count bigint,
    settled_at timestamp with time zone
);

comment on view api.rounds is
'Rounds: times, prizes, the published seal of the ticket set, winning numbers.';

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
'A claim and the ticket it made; is_banked while it waits for its round to open.';

create type api.daily_progress as (
    day date,
    steps integer
);

comment on type api.daily_progress is
'Steps that count for a business day.';

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
'A run of a job as its trigger is told: success is false when it failed, or was refused; then code, message,
details and hint are the error''s. processed: rows so far, zero while it waits for its turn.';

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
    ticket_count bigint,
    leaf_place integer,
    chunk_leaves text[],
    path jsonb,
    seal_root text
);

comment on type api.ticket_proofs is
'What recomputes a round''s seal from one ticket. Hashes are hexadecimal. chunk_leaves: the other leaves of
its chunk, in order; the ticket''s own leaf goes in at leaf_place (from 0). path: [{"side", "hash"}], the
sibling''s side and hash, from the chunk up.';

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
'A walker''s ticket; tier and prize (won) once its round is drawn and it won.';

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
'A walker''s day: steps, thresholds claimed and claimable, the next one, and tickets in the round that a
claim would go to now (round_status is null before that round is made).';

create type api.user_profiles as (
    user_id uuid,
    nickname text,
    created_at timestamp with time zone
);

comment on type api.user_profiles is
'A walker''s own profile.';
