-- The ledger: a chart of accounts, transfers between two accounts, and people's balances.
create schema ledger;

comment on schema ledger is 'A double-entry ledger. Only its own functions move money.';

create table ledger.accounts (
    account text not null,
    holder text not null,
    currency text not null,
    description text not null,
    may_overdraw boolean not null,
    constraint accounts_pkey primary key (account),
    constraint accounts_holder_known check (holder in ('person', 'house')),
    constraint accounts_account_is_dotted check (account ~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$'),
    -- A house balance is summed from transfers. To hold it at a bound, every posting would wait for one lock.
    constraint accounts_house_may_overdraw check (holder = 'person' or may_overdraw)
);

comment on table ledger.accounts is 'The chart of accounts.';
comment on column ledger.accounts.account is 'Name of the account, with its app in front: luckywalk.wallet.';
comment on column ledger.accounts.holder is
'person: everybody has the account, each with a balance; house: the account is there once.';
comment on column ledger.accounts.currency is
'Currency of the account, such as KRW. All amounts are in its smallest unit.';
comment on column ledger.accounts.may_overdraw is 'Whether the balance may go below zero.';

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
'Movements of money, each from one account to another. A transfer is never changed or deleted.';
comment on column ledger.transfers.user_id is
'The person whose account the transfer touches; the nil uuid where both accounts are the house''s.';
comment on column ledger.transfers.transfer_key is
'Idempotency key: a (user_id, transfer_key) is posted once.';
comment on column ledger.transfers.debit_account is 'The account that the amount is taken from.';
comment on column ledger.transfers.credit_account is 'The account that the amount is added to.';
comment on column ledger.transfers.amount is 'In the smallest unit of the currency of both accounts.';

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

comment on table ledger.balances is 'Balances of people''s accounts. The trigger on ledger.transfers keeps them.';
comment on column ledger.balances.balance is 'Credits less debits of the person''s transfers.';
comment on column ledger.balances.may_overdraw is 'Copied from the account, so that a check of the row can refuse.';
