-- Settlement: one statement pays a round, with one transfer for each person and account.
--
-- Lock order: 1. the row of luckywalk.rounds, 2. the balances that change, as functions/ledger/balances locks
-- them. The job settles lower rounds first.
-- needs: views
create or replace function luckywalk.prize_orders(round_no bigint)
returns setof ledger.transfer_order
language plpgsql
stable
set search_path = pg_catalog, pg_temp
-- Without statistics on new results the planner would sort them; a hash adds them up in one pass.
set max_parallel_workers_per_gather = 0
set enable_sort = off
as $$
declare
    v_prizes bigint[];
begin
    select pg_catalog.array_agg(t.prize_each order by t.tier) into v_prizes
    from luckywalk.round_tiers as t
    where t.round_no = prize_orders.round_no;
    return query
    select
        p.user_id,
        pg_catalog.format('luckywalk/round/%s/%s', prize_orders.round_no, p.account),
        'luckywalk.prizes',
        'luckywalk.' || p.account,
        p.prize
    from (
        select
            r.user_id,
            case when r.tier <= 2 then 'held' else 'wallet' end as account,
            pg_catalog.sum(v_prizes[r.tier])::bigint as prize
        from luckywalk.results_user as r
        where r.round_no = prize_orders.round_no and v_prizes[r.tier] > 0
        group by r.user_id, r.tier <= 2
    ) as p;
end;
$$;

comment on function luckywalk.prize_orders(bigint) is
e'Returns what a drawn round pays, one transfer order for each person and account.\n\n'
'Prizes of tiers 3 to 5 go to wallets, those of tiers 1 and 2 to held accounts.';

create or replace function luckywalk.wrong_tiers(round luckywalk.rounds)
returns smallint[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- Winners are counted again, and the prizes worked out again from what the round promised.
    select coalesce(pg_catalog.array_agg(p.tier order by p.tier), array[]::smallint[])
    from (values
        (1::smallint, wrong_tiers.round.tier1_pot, null::bigint),
        (2::smallint, wrong_tiers.round.tier2_pot, null),
        (3::smallint, null, wrong_tiers.round.tier3_prize),
        (4::smallint, null, wrong_tiers.round.tier4_prize),
        (5::smallint, null, wrong_tiers.round.tier5_prize)
    ) as p (tier, pot, fixed)
    left join (
        select r.tier, pg_catalog.count(*) as winners_count
        from luckywalk.results_user as r
        where r.round_no = wrong_tiers.round.round_no
        group by r.tier
    ) as w on w.tier = p.tier
    left join luckywalk.round_tiers as t on t.round_no = wrong_tiers.round.round_no and t.tier = p.tier
    where t.winners_count is distinct from coalesce(w.winners_count, 0)
        or t.prize_each is distinct from coalesce(p.fixed, p.pot / w.winners_count, 0)
        or t.winners_count * t.prize_each + t.remainder is distinct from
        coalesce(p.pot, t.winners_count * p.fixed);
$$;

comment on function luckywalk.wrong_tiers(luckywalk.rounds) is
e'Returns the tiers of a drawn round whose prizes are not what the round promised.\n\n'
'In tiers 1 and 2 winners × prize + remainder is the pot, and the prize is floor(pot / winners); in the others the '
'prize is the round''s. Winners are those of luckywalk.results_user.';

create or replace function luckywalk.settle_due_round(round_no integer)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round luckywalk.rounds;
    v_wrong_tiers smallint[];
begin
    select * into v_round
    from luckywalk.rounds as r
    where r.round_no = settle_due_round.round_no
    for update;
    if not found then
        perform core.raise('round_not_found');
    end if;
    if v_round.status = 'settled' then
        return false;
    end if;
    -- After a correction nothing is paid until the round is drawn again.
    if v_round.status <> 'drawn' or v_round.drawn_result_no <> v_round.result_no then
        perform core.raise('round_not_drawn');
    end if;
    if core.now() < v_round.settles_at then
        perform core.raise('round_not_due', pg_catalog.jsonb_build_object('due_at', v_round.settles_at));
    end if;

    -- What is paid cannot be taken back: the draw's figures are not taken for right because they are there.
    v_wrong_tiers := luckywalk.wrong_tiers(v_round);
    if v_wrong_tiers <> array[]::smallint[] then
        perform core.raise('prizes_do_not_add_up', pg_catalog.jsonb_build_object('tiers', v_wrong_tiers));
    end if;

    perform ledger.post_from('luckywalk.prize_orders', v_round.round_no);

    update luckywalk.rounds as r
    set
        status = 'settled',
        settled_at = core.now(),
        paid = (
            select pg_catalog.sum(t.winners_count * t.prize_each)
            from luckywalk.round_tiers as t
            where t.round_no = v_round.round_no
        ),
        remainder = (
            select pg_catalog.sum(t.remainder)
            from luckywalk.round_tiers as t
            where t.round_no = v_round.round_no
        )
    where r.round_no = v_round.round_no;
    return true;
end;
$$;

comment on function luckywalk.settle_due_round(integer) is
e'Pays the prizes of a drawn round whose settlement time has come.\n\n'
'Returns false when the round was settled before. Before it pays, winners and prizes are checked against what the '
'round promised.\n\n'
'Errors: round_not_found, round_not_drawn, round_not_due, prizes_do_not_add_up.';

create or replace function luckywalk.settle_round(round_no integer)
returns setof api.rounds
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_administrator();
    perform luckywalk.settle_due_round(settle_round.round_no);
    return query select * from api.rounds as r where r.round_no = settle_round.round_no;
end;
$$;

comment on function luckywalk.settle_round(integer) is
e'Pays the prizes of a drawn round whose settlement time has come, for an administrator.\n\n'
'Needed only when the next run of the job settle_round is too late. A repeated call changes nothing.\n\n'
'Errors: not_administrator, round_not_found, round_not_drawn, round_not_due, prizes_do_not_add_up.';

create or replace function luckywalk.settle_due_rounds()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round_no integer;
    v_settled integer[] := array[]::integer[];
    v_winners_count bigint;
    v_paid bigint;
begin
    for v_round_no in
        select r.round_no
        from luckywalk.rounds as r
        where r.status = 'drawn' and r.drawn_result_no = r.result_no and r.settles_at <= core.now()
        order by r.round_no
        -- The lock rereads the row. Else a correction that came meanwhile would fail the payment of all rounds.
        for update of r
    loop
        if luckywalk.settle_due_round(v_round_no) then
            v_settled := v_settled || v_round_no;
        end if;
    end loop;
    select coalesce(pg_catalog.sum(r.winners_count), 0), coalesce(pg_catalog.sum(r.paid), 0)
    into v_winners_count, v_paid
    from luckywalk.rounds as r
    where r.round_no = any (v_settled);
    return pg_catalog.jsonb_build_object(
        'processed', pg_catalog.cardinality(v_settled),
        'winners_count', v_winners_count,
        'paid', v_paid,
        'rounds', pg_catalog.to_jsonb(v_settled)
    );
end;
$$;

comment on function luckywalk.settle_due_rounds() is
e'Job: pays the prizes of every drawn round whose settlement time has come.\n\n'
'Returns processed, winners_count, paid (won), and the numbers of the rounds.';
