-- The guard of claims: a claim is never changed or deleted, but for the redeeming of a banked one. Its triggers fire
-- once a statement, and not for an insert.
-- needs: ticket_guard
create or replace function luckywalk.guard_redeemed_claims()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A number, since a join with the new rows would be planned over the tickets of all rounds.
    v_round_no integer := (select pg_catalog.min(n.round_no) from replacing as n);
begin
    -- Keys do not change (the other trigger), so that old and new rows are paired by them.
    if exists (
        select
        from replaced as o
        inner join replacing as n
            on n.user_id = o.user_id and n.day = o.day and n.source = o.source and n.step = o.step
        left join luckywalk.tickets as t
            on t.round_no = v_round_no and t.ticket_id = n.ticket_id and t.user_id = n.user_id
        where n.banked_mask is not null
            or n.round_no <> v_round_no
            or t.mask is null
            or t.mask is distinct from o.banked_mask
    ) then
        perform core.raise('tickets_sealed');
    end if;
    return null;
end;
$$;

comment on function luckywalk.guard_redeemed_claims() is
e'Trigger: refuses changes of claims but one, that a banked claim became the ticket with its numbers.\n\n'
'Errors: tickets_sealed.';

create or replace trigger claims_are_redeemed_only
after update on luckywalk.claims
referencing old table as replaced new table as replacing
for each statement execute function luckywalk.guard_redeemed_claims();

create or replace trigger claims_keep_their_keys
before update of user_id, day, source, step, ticket_id, claimed_at on luckywalk.claims
for each statement execute function luckywalk.refuse_ticket_change();

create or replace trigger claims_are_never_deleted
before delete or truncate on luckywalk.claims
for each statement execute function luckywalk.refuse_ticket_change();

select core.copy_statement_triggers_to_partitions('luckywalk.claims');
