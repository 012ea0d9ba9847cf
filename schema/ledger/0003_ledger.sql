-- The ledger: a chart of accounts, transfers between two of them, and people's balances.
create schema ledger;

comment on schema ledger is 'Double-entry ledger. Only its own functions move money.';

create table ledger.accounts (
    account text not null,
    holder text not null,
    currency text not null,
    description text not null,
    may_overdraw boolean not null,
    constraint accounts_pkey primary key (account),
    constraint accounts_holder_known check (holder in ('person', 'house')),
    constraint accounts_account_is_dotted check (account ~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$'),
    -- A house balance is a sum over transfers: keeping it below a bound would lock the world.
    constraint accounts_house_may_overdraw check (holder = 'person' or may_overdraw)
);

comment on table ledger.accounts is 'The chart of accounts. A person has each `person` account at most once.';
comment on column ledger.accounts.currency is 'Unit of all amounts of the account, e.g. KRW, in its smallest unit.';
comment on column ledger.accounts.may_overdraw is 'False: the balance never goes below zero.';

create table ledger.transfers (
    user_id uuid not null,
    transfer_key text not null,
    debit_account text not null,
    credit_account text not null,
    amount bigint not null,
    created_at timestamptz not null,
    constraint transfers_pkey primary key (user_id, transfer_key),
    constraint transfers_amount_is_positive check (amount > 0),
    constraint transfers_accounts_differ check (debit_account <> credit_account),
    constraint transfers_key_length check (length(transfer_key) between 1 and 200)
);

comment on table ledger.transfers is
'Every movement of money, never changed or deleted. user_id is the one person it touches, the nil uuid
where it touches none.';
comment on column ledger.transfers.transfer_key is 'Idempotency key: the same (user_id, transfer_key) posts once.';
comment on column ledger.transfers.amount is 'In the smallest unit of both accounts'' currency.';

create index transfers_debit_account_idx on ledger.transfers (debit_account, credit_account) include (amount);

create table ledger.balances (
    user_id uuid not null,
    account text not null,
    balance bigint not null,
    may_overdraw boolean not null,
    updated_at timestamptz not null,
    constraint balances_pkey primary key (user_id, account),
    constraint balances_no_overdraft check (balance >= 0 or may_overdraw)
) with (fillfactor = 80);

comment on table ledger.balances is 'People''s balances: credits less debits, kept by the trigger on transfers.';
