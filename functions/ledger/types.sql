-- Types of the ledger: a transfer to post, the row type of its RPC, and of its check.
create type ledger.transfer_order as (
    user_id uuid,
    transfer_key text,
    debit_account text,
    credit_account text,
    amount bigint
);

comment on type ledger.transfer_order is
e'A transfer to be posted.\n\n'
'user_id is the person whose account it touches, the nil uuid where it touches no person''s.';

create type api.balances as (
    account text,
    currency text,
    balance bigint,
    description text
);

comment on type api.balances is 'A balance in the smallest unit of its currency.';

create type ledger.finding as (
    rule text,
    ok boolean,
    detail text
);

comment on type ledger.finding is 'A rule of the books, whether it holds, and the figures that show it.';
