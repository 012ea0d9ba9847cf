-- Row types that LuckyWalk's RPCs return.
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

comment on type api.daily_progress is 'The steps that count for a business day.';

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
e'A claim and the ticket that it made.\n\n'
'step is the threshold that was reached, a number of steps. is_banked is true while the ticket waits for its '
'round to open.';

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
e'A walker''s business day.\n\n'
'claimed, claimable and next_threshold are numbers of steps. The round is the one that a claim would go into '
'now; round_status is null while that round does not exist. tickets counts the walker''s tickets in it, banked '
'ones included.';

create type api.tickets as (
    ticket_id uuid,
    round_no integer,
    numbers integer [],
    is_banked boolean,
    tier smallint,
    prize bigint,
    created_at timestamptz
);

comment on type api.tickets is
e'A walker''s ticket.\n\n'
'is_banked is true while the ticket waits for its round to open. tier and prize (won) are null until the round '
'is drawn, and for a ticket that wins nothing.';

create type api.ticket_proofs as (
    ticket_id uuid,
    user_id uuid,
    round_no integer,
    mask bigint,
    total_tickets bigint,
    leaf_index integer,
    chunk_leaves text [],
    path jsonb,
    seal_root text
);

comment on type api.ticket_proofs is
e'What recomputes the seal of a round from one ticket.\n\n'
'All hashes are hexadecimal. chunk_leaves are the other leaves of the ticket''s chunk, in order; the ticket''s '
'own leaf belongs at leaf_index, which counts from 0. path lists the siblings from the chunk up to the root, '
'each as {"side": "left" or "right", "hash"}.';
