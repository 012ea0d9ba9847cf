-- The check of what rounds promised, drew and paid: each figure against those that it comes from.
-- needs: settlement
create or replace function luckywalk."check"()
returns setof ledger.finding
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with wrong as (
        select r.round_no, w.tiers
        from luckywalk.rounds as r
        cross join lateral luckywalk.wrong_tiers(r) as w (tiers)
        where r.status in ('drawn', 'settled') and w.tiers <> array[]::smallint[]
    )

    select
        'every drawn round shares out its pots and prizes',
        pg_catalog.count(*) = 0,
        coalesce(
            pg_catalog.string_agg(
                pg_catalog.format('round %s: tiers %s', w.round_no, pg_catalog.array_to_string(w.tiers, ', ')),
                '; ' order by w.round_no
            ),
            'all do'
        )
    from wrong as w;

    return query
    with said as (
        select
            r.round_no,
            (r.winners_count, r.paid, r.remainder) is not distinct from (
                pg_catalog.sum(t.winners_count),
                case when r.status = 'settled' then pg_catalog.sum(t.winners_count * t.prize_each) end,
                case when r.status = 'settled' then pg_catalog.sum(t.remainder) end
            ) as is_right
        from luckywalk.rounds as r
        left join luckywalk.round_tiers as t on t.round_no = r.round_no
        where r.status in ('drawn', 'settled')
        group by r.round_no
    )

    select
        'every round says what its tiers come to',
        coalesce(pg_catalog.bool_and(s.is_right), true),
        coalesce(
            pg_catalog.string_agg(pg_catalog.format('round %s', s.round_no), '; ' order by s.round_no)
            filter (where not s.is_right),
            'all do'
        )
    from said as s;

    return query
    with due as (
        select o.*
        from luckywalk.rounds as r
        cross join lateral luckywalk.prize_orders(r.round_no) as o
        where r.status = 'settled'
    ),

    paid as (
        select t.user_id, t.transfer_key, t.debit_account, t.credit_account, t.amount
        from ledger.transfers as t
        where t.transfer_key like 'luckywalk/round/%'
    ),

    compared as (
        select
            pg_catalog.count(d.user_id) as orders,
            pg_catalog.count(*) filter (
                where (d.debit_account, d.credit_account, d.amount)
                    is distinct from (p.debit_account, p.credit_account, p.amount)
            ) as wrong
        from due as d
        full join paid as p on p.user_id = d.user_id and p.transfer_key = d.transfer_key
    )

    select
        'every prize of a settled round is paid, once and to its winner, and nothing else',
        c.wrong = 0,
        pg_catalog.format('%s transfers due, %s differ', c.orders, c.wrong)
    from compared as c;
end;
$$;

comment on function luckywalk."check"() is
'Checks prizes against the rounds and transfers against the prizes, and returns one row a rule.';
