-- Views: what everybody may see of rounds and draws.
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
    r.ticket_count,
    encode(r.seal_root, 'hex') as seal_root,
    r.closed_at,
    luckywalk.mask_to_numbers(r.winning_mask) as winning_numbers,
    -- Between a correction and the new draw there is no draw to show.
    case when r.drawn_result_no = r.result_no then r.drawn_at end as drawn_at,
    case when r.drawn_result_no = r.result_no then r.winners_count end as winners_count,
    r.settled_at
from luckywalk.rounds as r;

comment on view api.rounds is 'Rounds: times, prizes, the published seal of the ticket set, winning numbers.';
comment on column api.rounds.seal_root is 'Merkle root over the sealed tickets, hexadecimal; see my_ticket_proof.';

create or replace view api.round_tiers
with (security_invoker = true) as
select
    t.round_no,
    t.tier,
    t.winners,
    t.prize_each,
    t.remainder
from luckywalk.round_tiers as t;

comment on view api.round_tiers is
'Winners and prize (won) of each tier of a drawn round; none while a corrected round waits to be drawn again.';
