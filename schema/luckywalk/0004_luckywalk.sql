-- LuckyWalk: walkers, weekly rounds, steps, claims, tickets, the seal of a round, results.
create schema luckywalk;

comment on schema luckywalk is
'A weekly 6/45 lottery: walkers earn tickets with steps, and a round is drawn on Saturday.';

create table luckywalk.user_profiles (
    user_id uuid not null,
    nickname text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint user_profiles_pkey primary key (user_id),
    constraint user_profiles_nickname_length check (length(nickname) between 1 and 30),
    constraint user_profiles_nickname_is_printable check (
        -- No space of any script at its ends; no control character, none that turns the direction of text,
        -- and none that takes no room or shows as nothing, such as the Hangul filler.
        nickname !~ '^[\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]'
        and nickname !~ '[\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]$'
        and nickname !~ '[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f]'
        and nickname !~ '[\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb]'
        and nickname !~ '[\U000e0000-\U000e0fff]'
    )
);

comment on table luckywalk.user_profiles is 'Profiles of walkers, one a person.';
comment on column luckywalk.user_profiles.nickname is '1 to 30 printable characters without spaces around them.';

create table luckywalk.rounds (
    round_no integer not null,
    status text not null,
    opens_at timestamptz not null,
    closes_at timestamptz not null,
    draws_at timestamptz not null,
    settles_at timestamptz not null,
    tier1_pot bigint not null,
    tier2_pot bigint not null,
    tier3_prize bigint not null,
    tier4_prize bigint not null,
    tier5_prize bigint not null,
    total_tickets bigint,
    seal_root bytea,
    closed_at timestamptz,
    result_no smallint,
    winning_mask bigint,
    drawn_result_no smallint,
    drawn_at timestamptz,
    winners_count bigint,
    settled_at timestamptz,
    paid bigint,
    remainder bigint,
    constraint rounds_pkey primary key (round_no),
    constraint rounds_round_no_is_positive check (round_no > 0),
    constraint rounds_status_known check (status in ('scheduled', 'open', 'closed', 'drawn', 'settled')),
    constraint rounds_times_in_order check (
        opens_at < closes_at and closes_at < draws_at and draws_at < settles_at
    ),
    constraint rounds_prizes_not_negative check (
        tier1_pot >= 0 and tier2_pot >= 0 and tier3_prize >= 0 and tier4_prize >= 0 and tier5_prize >= 0
    ),
    constraint rounds_sealed_when_closed check (
        (status in ('closed', 'drawn', 'settled'))
        = (total_tickets is not null and seal_root is not null and closed_at is not null)
    ),
    constraint rounds_winning_mask_has_six_of_45 check (
        winning_mask is null
        or (bit_count(winning_mask::bit(64)) = 6 and winning_mask & ~70368744177662 = 0)
    ),
    constraint rounds_numbers_after_closing check (
        (winning_mask is null) = (result_no is null)
        and (winning_mask is null or status in ('closed', 'drawn', 'settled'))
    ),
    constraint rounds_drawn_with_numbers check (
        (status in ('drawn', 'settled'))
        = (drawn_at is not null and drawn_result_no is not null and winners_count is not null)
        and (status not in ('drawn', 'settled') or winning_mask is not null)
    ),
    constraint rounds_settled_with_what_was_paid check (
        (status = 'settled') = (settled_at is not null and paid is not null and remainder is not null)
    ),
    constraint rounds_settled_on_the_numbers_in_force check (
        status <> 'settled' or drawn_result_no = result_no
    )
);

comment on table luckywalk.rounds is
'Rounds of the lottery, one a week. A round keeps the times and prizes that it was made with.';
comment on column luckywalk.rounds.round_no is
'The official number of the 6/45 draw whose numbers the round uses: (day of the draw - 2002-12-07) / 7 + 1.';
comment on column luckywalk.rounds.status is
'scheduled: made; open: takes tickets; closed: sealed; drawn: winners and prizes are known; settled: paid.';
comment on column luckywalk.rounds.opens_at is 'From this time on the round takes tickets.';
comment on column luckywalk.rounds.closes_at is 'From this time on the round takes no ticket any more.';
comment on column luckywalk.rounds.draws_at is
'From this time on the winning numbers may be entered and the round drawn.';
comment on column luckywalk.rounds.settles_at is 'From this time on the prizes may be paid.';
comment on column luckywalk.rounds.tier1_pot is 'Won, shared by all tickets with six winning numbers.';
comment on column luckywalk.rounds.tier2_pot is 'Won, shared by all tickets with five winning numbers.';
comment on column luckywalk.rounds.tier3_prize is 'Won for each ticket with four winning numbers.';
comment on column luckywalk.rounds.tier4_prize is 'Won for each ticket with three winning numbers.';
comment on column luckywalk.rounds.tier5_prize is 'Won for each ticket with two winning numbers.';
comment on column luckywalk.rounds.total_tickets is 'Tickets in the round when it was closed.';
comment on column luckywalk.rounds.seal_root is 'Merkle root over the tickets in the round when it was closed.';
comment on column luckywalk.rounds.result_no is 'The entry of luckywalk.draw_results that is in force.';
comment on column luckywalk.rounds.winning_mask is 'Bit n is set for each winning number n.';
comment on column luckywalk.rounds.drawn_result_no is
'The entry that the round was drawn with. It differs from result_no when the numbers were corrected since.';
comment on column luckywalk.rounds.winners_count is 'Winning tickets of all tiers.';
comment on column luckywalk.rounds.paid is 'Won, all prizes that the settlement paid.';
comment on column luckywalk.rounds.remainder is
'Won of the two pots that stay with the house: pots that nobody won, and what was left of a division.';

create table luckywalk.round_tiers (
    round_no integer not null,
    tier smallint not null,
    winners_count bigint not null,
    prize_each bigint not null,
    remainder bigint not null,
    constraint round_tiers_pkey primary key (round_no, tier),
    constraint round_tiers_round_no_fkey foreign key (round_no)
    references luckywalk.rounds (round_no) on delete restrict,
    constraint round_tiers_tier_known check (tier between 1 and 5),
    constraint round_tiers_not_negative check (winners_count >= 0 and prize_each >= 0 and remainder >= 0)
);

comment on table luckywalk.round_tiers is 'Winners and prizes of a drawn round, a row a tier.';
comment on column luckywalk.round_tiers.winners_count is 'Winning tickets of the tier.';
comment on column luckywalk.round_tiers.prize_each is
'Won for each winning ticket; in tiers 1 and 2 floor(pot / winners_count).';
comment on column luckywalk.round_tiers.remainder is
'Won of the pot that stay with the house: all of it without a winner, else what the division left.';

create table luckywalk.draw_results (
    round_no integer not null,
    result_no smallint not null,
    winning_mask bigint not null,
    reason text,
    entered_by text not null,
    entered_at timestamptz not null,
    constraint draw_results_pkey primary key (round_no, result_no),
    constraint draw_results_round_no_fkey foreign key (round_no)
    references luckywalk.rounds (round_no) on delete restrict,
    constraint draw_results_correction_has_a_reason check (
        (result_no = 1) = (reason is null) and length(reason) between 1 and 500
    ),
    -- A reason of invisible characters would tell the readers nothing.
    constraint draw_results_reason_is_printable check (
        reason !~ '^[\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]'
        and reason !~ '[\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]$'
        and reason !~ '[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160]'
        and reason !~ '[\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e]'
        and reason !~ '[\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb]'
        and reason !~ '[\U000e0000-\U000e0fff]'
    )
);

comment on table luckywalk.draw_results is
'Winning numbers as administrators entered them: the first entry of a round, and each correction.';
comment on column luckywalk.draw_results.result_no is
'Entries of a round are counted from 1; others correct the first.';
comment on column luckywalk.draw_results.winning_mask is 'Bit n is set for each winning number n.';
comment on column luckywalk.draw_results.reason is 'Why the numbers were corrected; null for the first entry.';
comment on column luckywalk.draw_results.entered_by is 'The administrator, as core.require_administrator() names one.';

create table luckywalk.daily_progress (
    user_id uuid not null,
    day date not null,
    steps integer not null,
    updated_at timestamptz not null,
    constraint daily_progress_pkey primary key (user_id, day),
    constraint daily_progress_steps_in_bounds check (steps between 0 and 200000)
) partition by range (day);

comment on table luckywalk.daily_progress is 'Steps that a walker reported, a row a person and business day.';
comment on column luckywalk.daily_progress.day is 'A business day: a date in Seoul.';
comment on column luckywalk.daily_progress.steps is 'The highest total that was reported for the day.';

create table luckywalk.claims (
    user_id uuid not null,
    day date not null,
    source text not null,
    step integer not null,
    round_no integer not null,
    ticket_id uuid not null,
    banked_mask bigint,
    claimed_at timestamptz not null,
    constraint claims_pkey primary key (user_id, day, source, step),
    constraint claims_source_known check (source in ('steps')),
    -- Written out, since a function that changes would not check the rows again. A test holds the numbers to
    -- luckywalk.step_thresholds().
    constraint claims_step_is_a_threshold check (step between 1000 and 10000 and step % 1000 = 0),
    constraint claims_banked_mask_has_six_of_45 check (
        banked_mask is null
        or (bit_count(banked_mask::bit(64)) = 6 and banked_mask & ~70368744177662 = 0)
    )
) partition by range (day);

comment on table luckywalk.claims is
'What walkers claimed. A (user_id, day, source, step) is claimed once and makes one ticket.';
comment on column luckywalk.claims.day is 'The business day on which the ticket was earned.';
comment on column luckywalk.claims.source is 'What earned the ticket: steps.';
comment on column luckywalk.claims.step is
'What of its source the ticket was earned for: the threshold that was reached, a number of steps.';
comment on column luckywalk.claims.round_no is 'The round that the ticket is in, or waits for while it is banked.';
comment on column luckywalk.claims.ticket_id is
'The id of the ticket, which is known while the claim is banked already.';
comment on column luckywalk.claims.banked_mask is
'The numbers of a claim whose round is not open yet; null as soon as there is a ticket.';

create index claims_banked_idx on luckywalk.claims (round_no) where banked_mask is not null;

create table luckywalk.tickets (
    ticket_id uuid not null,
    user_id uuid not null,
    round_no integer not null,
    mask bigint not null,
    created_at timestamptz not null,
    -- The mask is in the index so that sealing reads whole leaves from the index alone, in order.
    constraint tickets_pkey primary key (ticket_id, user_id, round_no) include (mask),
    constraint tickets_mask_has_six_of_45 check (
        bit_count(mask::bit(64)) = 6 and mask & ~70368744177662 = 0
    )
) partition by list (round_no);

comment on table luckywalk.tickets is
'Tickets, a partition a round. A ticket is never changed or deleted.';
comment on column luckywalk.tickets.ticket_id is
'Random, so that the hash of a ticket in the seal tells nothing about the ticket.';
comment on column luckywalk.tickets.mask is
'Bit n is set for each number n of the six; comparing masks scores a ticket in one operation.';

create index tickets_user_id_idx on luckywalk.tickets (user_id);

create table luckywalk.seal_chunks (
    round_no integer not null,
    chunk_index integer not null,
    first_ticket_id uuid not null,
    constraint seal_chunks_pkey primary key (round_no, chunk_index),
    constraint seal_chunks_first_ticket_id_key unique (round_no, first_ticket_id)
);

comment on table luckywalk.seal_chunks is
'The chunks of 64 tickets, in the order of their ids, that the seal of a round is made of.';
comment on column luckywalk.seal_chunks.chunk_index is 'Position of the chunk in the round, from 0.';
comment on column luckywalk.seal_chunks.first_ticket_id is 'The lowest ticket id of the chunk.';

create table luckywalk.seal_nodes (
    round_no integer not null,
    level smallint not null,
    node_index integer not null,
    hash bytea not null,
    constraint seal_nodes_pkey primary key (round_no, level, node_index)
);

comment on table luckywalk.seal_nodes is 'The Merkle tree over the chunks of a sealed round.';
comment on column luckywalk.seal_nodes.level is '0 for the hashes of the chunks, and one more for each level above.';
comment on column luckywalk.seal_nodes.node_index is 'Position of the node in its level, from 0.';

create table luckywalk.results_user (
    user_id uuid not null,
    round_no integer not null,
    ticket_id uuid not null,
    tier smallint not null,
    constraint results_user_pkey primary key (user_id, round_no, ticket_id),
    constraint results_user_tier_known check (tier between 1 and 5)
) partition by list (round_no);

comment on table luckywalk.results_user is
'Winning tickets, a partition a drawn round. luckywalk.round_tiers has the prize of a tier.';
comment on column luckywalk.results_user.tier is '1 for six winning numbers, to 5 for two.';
