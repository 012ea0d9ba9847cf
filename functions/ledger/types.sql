-- Types of the ledger: an order to post, and the row type of its RPC.
create type ledger.transfer_order as (
    user_id uuid,
    transfer_key text,
    debit_account text,
    credit_account text,
    amount bigint
);

comment on type ledger.transfer_order is
'One transfer to be posted; user_id is the person it touches, the nil uuid where it touches none.';

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

comment on type ledger.finding is 'One rule of the books, whether it holds, and the figures that show it.';
