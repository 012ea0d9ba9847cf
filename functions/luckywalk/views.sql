-- Views of rounds and draws for everybody.
-- needs: numbers
create or replace view api.rounds
with (security_invoker = true) as
select
    r.round_no,
    r.status,
    r.opens_at,
    r.closes_at,
    r.draws_at,
    r.settles_at,
    r.tier1_pot,
    r.tier2_pot,
    r.tier3_prize,
    r.tier4_prize,
    r.tier5_prize,
    r.total_tickets,
    encode(r.seal_root, 'hex') as seal_root,
    r.closed_at,
    luckywalk.mask_to_numbers(r.winning_mask) as winning_numbers,
    -- The draw with the wrong numbers is not shown while a corrected round waits for its new draw.
    case when r.drawn_result_no = r.result_no then r.drawn_at end as drawn_at,
    case when r.drawn_result_no = r.result_no then r.winners_count end as winners_count,
    r.settled_at
from luckywalk.rounds as r;

comment on view api.rounds is
e'Rounds with their times, prizes, the seal of their tickets, and the winning numbers.\n\n'
'drawn_at and winners_count are null while a corrected round waits to be drawn again.';
comment on column api.rounds.seal_root is
'Merkle root over the tickets of the closed round, hexadecimal; my_ticket_proof proves a ticket against it.';

create or replace view api.round_tiers
with (security_invoker = true) as
select
    t.round_no,
    t.tier,
    t.winners_count,
    t.prize_each,
    t.remainder
from luckywalk.round_tiers as t;

comment on view api.round_tiers is
e'Winners and prizes (won) of a drawn round, a row a tier.\n\n'
'A corrected round has no rows until it is drawn again.';
