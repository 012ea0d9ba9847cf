-- Balances: each statement that inserts transfers, by any function or by hand, is checked and changes balances.
--
-- Lock order: rows of ledger.balances in the order of (user_id, account). A posting that only raises balances locks
-- them as it raises them, in this order. One that lowers balances locks all the rows it touches first, and makes
-- those that do not exist. So two postings never deadlock.
create or replace function ledger.validate_transfers()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_pair record;
begin
    -- Checked once a pair of accounts: there are few pairs, however many the transfers.
    for v_pair in
        select
            p.debit_account,
            p.credit_account,
            d.account is null as debit_unknown,
            c.account is null as credit_unknown,
            d.currency <> c.currency as mixes_currencies,
            p.touches_nobody and 'person' in (d.holder, c.holder) as lacks_person,
            p.touches_person and 'person' not in (d.holder, c.holder) as has_person_too_many
        from (
            select
                t.debit_account,
                t.credit_account,
                pg_catalog.bool_or(t.user_id = '00000000-0000-0000-0000-000000000000') as touches_nobody,
                pg_catalog.bool_or(t.user_id <> '00000000-0000-0000-0000-000000000000') as touches_person
            from posted as t
            group by t.debit_account, t.credit_account
        ) as p
        left join ledger.accounts as d on d.account = p.debit_account
        left join ledger.accounts as c on c.account = p.credit_account
    loop
        if v_pair.debit_unknown or v_pair.credit_unknown then
            perform core.raise('ledger_account_not_found', pg_catalog.jsonb_build_object(
                'account',
                case when v_pair.debit_unknown then v_pair.debit_account else v_pair.credit_account end
            ));
        elsif v_pair.mixes_currencies then
            perform core.raise('transfer_invalid', '{"reason": "the accounts have two currencies"}');
        elsif v_pair.lacks_person then
            perform core.raise('transfer_invalid', '{"reason": "a person''s account needs a person"}');
        elsif v_pair.has_person_too_many then
            perform core.raise('transfer_invalid', '{"reason": "no account of it is a person''s"}');
        end if;
    end loop;
    return null;
end;
$$;

comment on function ledger.validate_transfers() is
e'Trigger: refuses new transfers that the chart of accounts does not allow.\n\n'
'Errors: ledger_account_not_found, transfer_invalid.';

create or replace function ledger.move_balances()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
begin
    -- Balances are lowered: all that the posting touches are locked first. `where false` locks a row unchanged.
    if exists (
        select
        from posted as t
        inner join ledger.accounts as a
            on a.account = t.debit_account and a.holder = 'person' and not a.may_overdraw
    ) then
        insert into ledger.balances as b (user_id, account, balance, may_overdraw, updated_at)
        select s.user_id, s.account, 0, a.may_overdraw, v_now
        from (
            select t.user_id, t.credit_account as account
            from posted as t
            union
            select t.user_id, t.debit_account
            from posted as t
        ) as s
        inner join ledger.accounts as a on a.account = s.account and a.holder = 'person'
        order by s.user_id, s.account
        on conflict on constraint balances_pkey do update set
            balance = b.balance
        where false;
    end if;

    with changes as (
        select
            s.user_id,
            s.account,
            pg_catalog.sum(s.change)::bigint as change,
            pg_catalog.bool_and(a.may_overdraw) as may_overdraw
        from (
            select t.user_id, t.credit_account as account, t.amount as change
            from posted as t
            union all
            select t.user_id, t.debit_account, -t.amount
            from posted as t
        ) as s
        inner join ledger.accounts as a on a.account = s.account and a.holder = 'person'
        group by s.user_id, s.account
    ),

    raised as (
        insert into ledger.balances as b (user_id, account, balance, may_overdraw, updated_at)
        select c.user_id, c.account, c.change, c.may_overdraw, v_now
        from changes as c
        where c.change >= 0 or c.may_overdraw
        order by c.user_id, c.account
        on conflict on constraint balances_pkey do update set
            balance = b.balance + excluded.balance,
            updated_at = excluded.updated_at
    )

    -- Not by upsert: the check refuses its negative new row before the conflict with the old one is found.
    update ledger.balances as b
    set balance = b.balance + c.change, updated_at = v_now
    from changes as c
    where c.change < 0
        and not c.may_overdraw
        and b.user_id = c.user_id
        and b.account = c.account;
    return null;
end;
$$;

comment on function ledger.move_balances() is
e'Trigger: changes people''s balances by the amounts of new transfers.\n\n'
'Errors: overdraft.';

-- Triggers of one event fire in the order of their names: transfers are checked before balances change.
create or replace trigger transfers_1_are_valid
after insert on ledger.transfers
referencing new table as posted
for each statement execute function ledger.validate_transfers();

create or replace trigger transfers_2_move_balances
after insert on ledger.transfers
referencing new table as posted
for each statement execute function ledger.move_balances();
