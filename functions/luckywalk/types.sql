-- Row types of LuckyWalk's RPCs.
create type api.user_profiles as (
    user_id uuid,
    nickname text,
    created_at timestamptz
);

comment on type api.user_profiles is 'A walker''s own profile.';

create type api.daily_progress as (
    day date,
    steps integer
);

comment on type api.daily_progress is 'Steps that count for a business day.';

create type api.claims as (
    day date,
    source text,
    step integer,
    round_no integer,
    ticket_id uuid,
    numbers integer [],
    is_banked boolean,
    claimed_at timestamptz
);

comment on type api.claims is
'A claim and the ticket it made; is_banked while it waits for its round to open.';

create type api.today as (
    day date,
    steps integer,
    claimed integer [],
    claimable integer [],
    next_threshold integer,
    round_no integer,
    round_status text,
    closes_at timestamptz,
    tickets bigint
);

comment on type api.today is
'A walker''s day: steps, thresholds claimed and claimable, the next one, and tickets in the round that a
claim would go to now (round_status is null before that round is made).';

create type api.tickets as (
    ticket_id uuid,
    round_no integer,
    numbers integer [],
    is_banked boolean,
    tier smallint,
    prize bigint,
    created_at timestamptz
);

comment on type api.tickets is 'A walker''s ticket; tier and prize (won) once its round is drawn and it won.';

create type api.ticket_proofs as (
    ticket_id uuid,
    user_id uuid,
    round_no integer,
    mask bigint,
    ticket_count bigint,
    leaf_place integer,
    chunk_leaves text [],
    path jsonb,
    seal_root text
);

comment on type api.ticket_proofs is
'What recomputes a round''s seal from one ticket. Hashes are hexadecimal. chunk_leaves: the other leaves of
its chunk, in order; the ticket''s own leaf goes in at leaf_place (from 0). path: [{"side", "hash"}], the
sibling''s side and hash, from the chunk up.';
