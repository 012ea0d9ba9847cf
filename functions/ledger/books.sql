-- The books: what a person has, what the house has, and the check that everything adds up.
-- needs: types
create or replace function ledger.my_balances()
returns setof api.balances
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.require_user();
begin
    return query
    select a.account, a.currency, coalesce(b.balance, 0), a.description
    from ledger.accounts as a
    left join ledger.balances as b on b.account = a.account and b.user_id = v_user_id
    where a.holder = 'person'
    order by a.account;
end;
$$;

comment on function ledger.my_balances() is
e'Returns the caller''s balance in each account that a person can have, zero included.\n\n'
'Errors: not_signed_in.';

create or replace function ledger.house_balance(account text)
returns bigint
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(pg_catalog.sum(
        case when t.credit_account = house_balance.account then t.amount else -t.amount end
    ), 0)::bigint
    from ledger.transfers as t
    where house_balance.account in (t.debit_account, t.credit_account);
$$;

comment on function ledger.house_balance(text) is
e'Returns the balance of a house account: credits less debits of all its transfers.\n\n'
'It is below zero for an account that paid out more than came in.';

create or replace function ledger."check"()
returns setof ledger.finding
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with entries as (
        select t.user_id, t.credit_account as account, t.amount::numeric as change from ledger.transfers as t
        union all
        select t.user_id, t.debit_account, -t.amount from ledger.transfers as t
    ),

    sums as (
        select e.user_id, e.account, pg_catalog.sum(e.change) as balance
        from entries as e
        group by e.user_id, e.account
    ),

    compared as (
        select
            pg_catalog.count(*) as balances,
            pg_catalog.count(*) filter (
                where s.balance is distinct from b.balance or s.may_overdraw is distinct from b.may_overdraw
            ) as wrong
        from (
            select s.user_id, s.account, s.balance, a.may_overdraw
            from sums as s
            inner join ledger.accounts as a on a.account = s.account and a.holder = 'person'
        ) as s
        full join ledger.balances as b on b.user_id = s.user_id and b.account = s.account
    )

    select
        'every balance is the sum of its transfers',
        c.wrong = 0,
        pg_catalog.format('%s balances, %s differ', c.balances, c.wrong)
    from compared as c
    union all
    select
        'each currency sums to zero',
        coalesce(pg_catalog.bool_and(z.total = 0), true),
        coalesce(pg_catalog.string_agg(pg_catalog.format('%s %s', z.currency, z.total), ', '), 'no transfers')
    from (
        select a.currency, pg_catalog.sum(s.balance) as total
        from sums as s
        inner join ledger.accounts as a on a.account = s.account
        group by a.currency
    ) as z
    union all
    select
        'no balance is below zero where that is forbidden',
        pg_catalog.count(*) = 0,
        pg_catalog.format('%s below', pg_catalog.count(*))
    from sums as s
    inner join ledger.accounts as a on a.account = s.account
    where s.balance < 0 and not a.may_overdraw
    union all
    select
        'every transfer is between two accounts of the chart in one currency, of one person or of none',
        pg_catalog.count(*) = 0,
        pg_catalog.format('%s are not', pg_catalog.count(*))
    from ledger.transfers as t
    left join ledger.accounts as d on d.account = t.debit_account
    left join ledger.accounts as c on c.account = t.credit_account
    where d.currency is distinct from c.currency
        or d.account is null
        or ('person' in (d.holder, c.holder)) = (t.user_id = '00000000-0000-0000-0000-000000000000');
end;
$$;

comment on function ledger."check"() is 'Checks the books against the transfers alone, and returns one row a rule.';
