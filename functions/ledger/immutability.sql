-- Immutability: triggers refuse to change or delete what is in the ledger, even to the owner.
create or replace function ledger.refuse_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.raise('ledger_is_immutable', pg_catalog.jsonb_build_object(
        'table', tg_table_name, 'command', pg_catalog.lower(tg_op)
    ));
    return null;
end;
$$;

comment on function ledger.refuse_change() is
e'Trigger: refuses the statement.\n\n'
'Errors: ledger_is_immutable.';

create or replace trigger transfers_are_immutable
before update or delete or truncate on ledger.transfers
for each statement execute function ledger.refuse_change();

-- A description is words for people: ledger.declare_account changes it.
create or replace trigger accounts_are_immutable
before update of account, holder, currency, may_overdraw or delete or truncate on ledger.accounts
for each statement execute function ledger.refuse_change();

create or replace trigger balances_are_never_deleted
before delete or truncate on ledger.balances
for each statement execute function ledger.refuse_change();

create or replace function ledger.refuse_change_by_hand()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the trigger on transfers may change balances: then this trigger is nested in it.
    if pg_catalog.pg_trigger_depth() < 2 then
        perform core.raise('ledger_is_immutable', pg_catalog.jsonb_build_object(
            'table', tg_table_name, 'command', pg_catalog.lower(tg_op)
        ));
    end if;
    return null;
end;
$$;

comment on function ledger.refuse_change_by_hand() is
e'Trigger: refuses changes of balances that no transfer makes.\n\n'
'Errors: ledger_is_immutable.';

create or replace trigger balances_change_by_transfer_only
before insert or update on ledger.balances
for each statement execute function ledger.refuse_change_by_hand();
