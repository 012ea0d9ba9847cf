-- What a walker sees: the business day, and the tickets of a round.
-- needs: types
create or replace function luckywalk.my_today()
returns setof api.today
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.require_user();
    v_day date := core.business_day();
    v_steps integer;
    v_claimed integer[];
    v_round luckywalk.rounds := luckywalk.round_or_plan(luckywalk.round_no_of_day(v_day));
begin
    -- As luckywalk.round_to_claim_in decides, but without its locks and only one round ahead: near closing time the
    -- claim has the last word.
    if core.now() >= v_round.closes_at or v_round.status not in ('scheduled', 'open') then
        v_round := luckywalk.round_or_plan(v_round.round_no + 1);
    end if;
    v_steps := coalesce(
        (
            select s.steps
            from luckywalk.daily_progress as s
            where s.user_id = v_user_id and s.day = v_day
        ),
        0
    );
    v_claimed := array(
        select c.step
        from luckywalk.claims as c
        where c.user_id = v_user_id and c.day = v_day and c.source = 'steps'
        order by c.step
    );
    return query
    select
        v_day,
        v_steps,
        v_claimed,
        array(
            select t
            from pg_catalog.unnest(luckywalk.step_thresholds()) as t
            where t <= v_steps and t <> all (v_claimed)
            order by t
        ),
        (select pg_catalog.min(t) from pg_catalog.unnest(luckywalk.step_thresholds()) as t where t > v_steps),
        v_round.round_no,
        (select r.status from luckywalk.rounds as r where r.round_no = v_round.round_no),
        v_round.closes_at,
        (
            select pg_catalog.count(*)
            from luckywalk.tickets as t
            where t.user_id = v_user_id and t.round_no = v_round.round_no
        ) + (
            select pg_catalog.count(*)
            from luckywalk.claims as c
            where c.user_id = v_user_id and c.round_no = v_round.round_no and c.banked_mask is not null
        );
end;
$$;

comment on function luckywalk.my_today() is
e'Returns the caller''s business day: steps, thresholds, round and tickets.\n\n'
'The thresholds are those claimed, those that can be claimed now, and the next one to reach. The round is the '
'one that a claim would go into now; tickets counts what the caller has in it, banked claims included.\n\n'
'Errors: not_signed_in.';

create or replace function luckywalk.tickets_of(user_id uuid, round_no integer)
returns setof api.tickets
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select
        t.ticket_id,
        t.round_no,
        luckywalk.mask_to_numbers(t.mask),
        false,
        w.tier,
        w.prize_each,
        t.created_at
    from luckywalk.tickets as t
    left join (
        select r.user_id, r.round_no, r.ticket_id, r.tier, p.prize_each
        from luckywalk.results_user as r
        inner join luckywalk.rounds as d
            on d.round_no = r.round_no and d.drawn_result_no = d.result_no
        inner join luckywalk.round_tiers as p on p.round_no = r.round_no and p.tier = r.tier
        where r.user_id = tickets_of.user_id and r.round_no = tickets_of.round_no
    ) as w
        on w.user_id = t.user_id and w.round_no = t.round_no and w.ticket_id = t.ticket_id
    where t.user_id = tickets_of.user_id and t.round_no = tickets_of.round_no
    union all
    select
        c.ticket_id,
        c.round_no,
        luckywalk.mask_to_numbers(c.banked_mask),
        true,
        null,
        null,
        c.claimed_at
    from luckywalk.claims as c
    where c.user_id = tickets_of.user_id
        and c.round_no = tickets_of.round_no
        and c.banked_mask is not null
    order by 7, 1;
end;
$$;

comment on function luckywalk.tickets_of(uuid, integer) is
'Returns a person''s tickets of a round with their prizes, and the claims banked for it.';

create or replace function luckywalk.my_tickets(round_no integer)
returns setof api.tickets
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.require_user();
begin
    return query select * from luckywalk.tickets_of(v_user_id, my_tickets.round_no);
end;
$$;

comment on function luckywalk.my_tickets(integer) is
e'Returns the caller''s tickets of a round, the oldest first.\n\n'
'tier and prize (won) are null until the round is drawn, and for a ticket that wins nothing.\n\n'
'Errors: not_signed_in.';
