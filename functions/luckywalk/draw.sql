-- The draw: one statement scores all tickets of a round, the winners are counted, then the pots are shared.
--
-- Lock order: 1. the row of luckywalk.rounds, 2. luckywalk.results_user, which gets a partition; a second draw of
-- the round drops the first one's. The job draws lower rounds first.
-- needs: views
create or replace function luckywalk.score_tickets(round_no integer, winning_mask bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- The primary key is sorted on disk, which is as fast, so that memory does not grow with the round.
set maintenance_work_mem = '8MB'
-- Compiling the query (JIT) takes longer than it saves, even with millions of tickets.
set jit = off
as $$
declare
    v_name text := pg_catalog.format('results_user_%s', score_tickets.round_no);
    v_results regclass;
begin
    -- After a correction the results of the wrong numbers are dropped in the same transaction.
    if pg_catalog.to_regclass('luckywalk.' || v_name) is not null then
        execute pg_catalog.format('drop table luckywalk.%s', v_name);
    end if;
    -- Rows first, then the key, then the partition is attached: a third of the time of inserting into the parent.
    v_results := core.create_detached_partition('luckywalk.results_user', v_name);
    execute pg_catalog.format(
        'insert into %s (user_id, round_no, ticket_id, tier)
        select t.user_id, t.round_no, t.ticket_id, 7 - pg_catalog.bit_count((t.mask & $1)::bit(64))
        from luckywalk.tickets as t
        where t.round_no = $2 and pg_catalog.bit_count((t.mask & $1)::bit(64)) >= 2',
        v_results
    )
    using score_tickets.winning_mask, score_tickets.round_no;
    execute pg_catalog.format(
        'alter table %1$s
        add constraint results_user_%2$s_pkey primary key (user_id, round_no, ticket_id),
        add constraint results_user_%2$s_is_one_round check (round_no = %2$s)',
        v_results, score_tickets.round_no
    );
    perform core.attach_partition(
        'luckywalk.results_user', v_results, pg_catalog.format('in (%s)', score_tickets.round_no)
    );
end;
$$;

comment on function luckywalk.score_tickets(integer, bigint) is
e'Finds the winning tickets of a round and puts them into luckywalk.results_user.\n\n'
'A ticket with six of the winning numbers is in tier 1, one with two in tier 5. The results of an earlier draw '
'of the round are replaced.';

create or replace function luckywalk.share_prizes(round luckywalk.rounds)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_winners_count bigint;
begin
    delete from luckywalk.round_tiers as t
    where t.round_no = share_prizes.round.round_no;

    -- All winners are counted before a pot is shared: floor(pot / winners). The rest stays with the house.
    insert into luckywalk.round_tiers (round_no, tier, winners_count, prize_each, remainder)
    select
        share_prizes.round.round_no,
        p.tier,
        coalesce(w.winners_count, 0),
        coalesce(p.fixed, p.pot / w.winners_count, 0),
        coalesce(p.pot - coalesce(p.pot / w.winners_count, 0) * coalesce(w.winners_count, 0), 0)
    from (values
        (1, share_prizes.round.tier1_pot, null),
        (2, share_prizes.round.tier2_pot, null),
        (3, null, share_prizes.round.tier3_prize),
        (4, null, share_prizes.round.tier4_prize),
        (5, null, share_prizes.round.tier5_prize)
    ) as p (tier, pot, fixed)
    left join (
        select r.tier, pg_catalog.count(*) as winners_count
        from luckywalk.results_user as r
        where r.round_no = share_prizes.round.round_no
        group by r.tier
    ) as w on w.tier = p.tier;

    select pg_catalog.sum(t.winners_count) into v_winners_count
    from luckywalk.round_tiers as t
    where t.round_no = share_prizes.round.round_no;
    return v_winners_count;
end;
$$;

comment on function luckywalk.share_prizes(luckywalk.rounds) is
e'Counts the winners of each tier, then works out the prize of a winning ticket.\n\n'
'Returns the number of winning tickets. In tiers 1 and 2 the prize is floor(pot / winners), and the rest of the '
'pot stays with the house.';

create or replace function luckywalk.draw_due_round(round_no integer)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round luckywalk.rounds;
    v_winners_count bigint;
begin
    v_round := luckywalk.lock_round_to_draw(draw_due_round.round_no);
    if v_round.winning_mask is null then
        perform core.raise('winning_numbers_not_set');
    end if;
    if v_round.drawn_result_no = v_round.result_no then
        return false;
    end if;
    perform luckywalk.score_tickets(v_round.round_no, v_round.winning_mask);
    v_winners_count := luckywalk.share_prizes(v_round);
    update luckywalk.rounds as r
    set
        status = 'drawn',
        drawn_result_no = v_round.result_no,
        drawn_at = core.now(),
        winners_count = v_winners_count
    where r.round_no = v_round.round_no;
    return true;
end;
$$;

comment on function luckywalk.draw_due_round(integer) is
e'Draws a round whose draw time has come and whose winning numbers are entered.\n\n'
'After a correction the round is drawn again. Returns false when it was drawn with these numbers before.\n\n'
'Errors: round_not_found, round_not_closed, round_not_due, winning_numbers_not_set.';

create or replace function luckywalk.draw_round(round_no integer)
returns setof api.rounds
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_administrator();
    perform luckywalk.draw_due_round(draw_round.round_no);
    return query select * from api.rounds as r where r.round_no = draw_round.round_no;
end;
$$;

comment on function luckywalk.draw_round(integer) is
e'Draws a round whose winning numbers are entered, for an administrator.\n\n'
'Needed only when the next run of the job draw_apply_results is too late. A repeated call changes nothing.\n\n'
'Errors: not_administrator, round_not_found, round_not_closed, round_not_due, winning_numbers_not_set.';

create or replace function luckywalk.draw_apply_results()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round_no integer;
    v_drawn integer[] := array[]::integer[];
    v_total_tickets bigint;
    v_winners_count bigint;
begin
    for v_round_no in
        select r.round_no
        from luckywalk.rounds as r
        where r.status in ('closed', 'drawn')
            and r.draws_at <= core.now()
            and r.result_no is not null
            and r.drawn_result_no is distinct from r.result_no
        order by r.round_no
    loop
        if luckywalk.draw_due_round(v_round_no) then
            v_drawn := v_drawn || v_round_no;
        end if;
    end loop;
    select coalesce(pg_catalog.sum(r.total_tickets), 0), coalesce(pg_catalog.sum(r.winners_count), 0)
    into v_total_tickets, v_winners_count
    from luckywalk.rounds as r
    where r.round_no = any (v_drawn);
    return pg_catalog.jsonb_build_object(
        'processed', pg_catalog.cardinality(v_drawn),
        'total_tickets', v_total_tickets,
        'winners_count', v_winners_count,
        'rounds', pg_catalog.to_jsonb(v_drawn)
    );
end;
$$;

comment on function luckywalk.draw_apply_results() is
e'Job: draws every closed round whose winning numbers are entered.\n\n'
'Returns processed (0 while numbers are missing), total_tickets, winners_count, and the numbers of the rounds.';
