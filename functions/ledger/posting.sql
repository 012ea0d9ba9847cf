-- Posting: one statement posts one transfer or a million, each idempotency key once.
-- needs: types
create or replace function ledger.declare_account(
    account text, holder text, currency text, description text, may_overdraw boolean
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account ledger.accounts;
begin
    insert into ledger.accounts (account, holder, currency, description, may_overdraw)
    values (
        declare_account.account, declare_account.holder, declare_account.currency,
        declare_account.description, declare_account.may_overdraw
    )
    on conflict on constraint accounts_pkey do nothing;
    if found then
        return;
    end if;

    select * into v_account
    from ledger.accounts as a
    where a.account = declare_account.account;
    if (v_account.holder, v_account.currency, v_account.may_overdraw)
        is distinct from (declare_account.holder, declare_account.currency, declare_account.may_overdraw)
    then
        raise exception 'account % is there already: holder %, currency %, may_overdraw %',
            v_account.account, v_account.holder, v_account.currency, v_account.may_overdraw
            using errcode = 'object_not_in_prerequisite_state',
            hint = 'Transfers and balances stand on these: declare an account of another name, and move what it has.';
    end if;
    if v_account.description is distinct from declare_account.description then
        update ledger.accounts as a
        set description = declare_account.description
        where a.account = declare_account.account;
    end if;
end;
$$;

comment on function ledger.declare_account(text, text, text, text, boolean) is
e'Adds an account to the chart of accounts; of one that is there it changes the description alone.\n\n'
'Errors: 55000 when the account is there with another holder, currency or may_overdraw.';

create or replace function ledger.post_many(orders ledger.transfer_order[])
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_posted bigint;
    v_now timestamptz := core.now();
begin
    insert into ledger.transfers (
        user_id, transfer_key, debit_account, credit_account, amount, created_at
    )
    select o.user_id, o.transfer_key, o.debit_account, o.credit_account, o.amount, v_now
    from pg_catalog.unnest(post_many.orders) as o
    order by o.user_id, o.transfer_key
    on conflict on constraint transfers_pkey do nothing;
    get diagnostics v_posted = row_count;

    -- Orders posted before, or given twice, are right only when they are the same transfer.
    if v_posted < pg_catalog.cardinality(post_many.orders) and exists (
        select
        from pg_catalog.unnest(post_many.orders) as o
        inner join ledger.transfers as t
            on t.user_id = o.user_id and t.transfer_key = o.transfer_key
        where (t.debit_account, t.credit_account, t.amount)
            is distinct from (o.debit_account, o.credit_account, o.amount)
    ) then
        perform core.raise('transfer_key_reused');
    end if;
    return v_posted;
end;
$$;

comment on function ledger.post_many(ledger.transfer_order[]) is
e'Posts transfers in one statement and returns how many were new: all of them or none.\n\n'
'An order whose (user_id, transfer_key) was posted before is skipped when it is the same transfer.\n\n'
'Errors: ledger_account_not_found, transfer_invalid, overdraft, transfer_key_reused.';

create or replace function ledger.post_from(source regproc, argument bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_orders bigint;
    v_posted bigint;
    v_reused boolean;
begin
    -- The orders go from the source into the table without an array, so that memory does not grow with them.
    execute pg_catalog.format(
        'with orders as materialized (select * from %s($1)),

        posted as (
            insert into ledger.transfers (
                user_id, transfer_key, debit_account, credit_account, amount, created_at
            )
            select o.user_id, o.transfer_key, o.debit_account, o.credit_account, o.amount, core.now()
            from orders as o
            order by o.user_id, o.transfer_key
            on conflict on constraint transfers_pkey do nothing
            returning 1
        )

        select (select pg_catalog.count(*) from orders), (select pg_catalog.count(*) from posted)',
        post_from.source
    )
    into v_orders, v_posted
    using post_from.argument;

    if v_posted < v_orders then
        execute pg_catalog.format(
            'select exists (
                select
                from %s($1) as o
                inner join ledger.transfers as t
                    on t.user_id = o.user_id and t.transfer_key = o.transfer_key
                where (t.debit_account, t.credit_account, t.amount)
                    is distinct from (o.debit_account, o.credit_account, o.amount)
            )',
            post_from.source
        )
        into v_reused
        using post_from.argument;
        if v_reused then
            perform core.raise('transfer_key_reused');
        end if;
    end if;
    return v_posted;
end;
$$;

comment on function ledger.post_from(regproc, bigint) is
e'Posts the transfers that a function returns, and returns how many were new.\n\n'
'source is a stable function of one bigint that returns setof ledger.transfer_order. It runs with the rights of '
'the caller. Unlike the array of post_many, its orders need not fit into memory.\n\n'
'Errors: those of post_many.';

create or replace function ledger.post(
    user_id uuid, transfer_key text, debit_account text, credit_account text, amount bigint
)
returns boolean
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select ledger.post_many(array[
        row(post.user_id, post.transfer_key, post.debit_account, post.credit_account, post.amount)
    ]::ledger.transfer_order[]) = 1;
$$;

comment on function ledger.post(uuid, text, text, text, bigint) is
e'Posts one transfer; returns false when the same one was posted before.\n\n'
'Errors: those of post_many.';
