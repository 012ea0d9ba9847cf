-- The guard of tickets: they are added to an open round only, and never changed. Its triggers fire once a statement.
--
-- Lock order of an insert: the rounds of its tickets (luckywalk.lock_round, shared), lower rounds first.
create or replace function luckywalk.guard_new_tickets()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round_no integer;
begin
    for v_round_no in
        select distinct a.round_no
        from added as a
        order by a.round_no
    loop
        -- Held until commit, so that no closing overtakes an insert by hand and seals without its tickets.
        perform luckywalk.lock_round(v_round_no, false);
        if not exists (
            select
            from luckywalk.rounds as r
            where r.round_no = v_round_no and r.status = 'open'
        ) then
            perform core.raise('tickets_sealed');
        end if;
    end loop;
    return null;
end;
$$;

comment on function luckywalk.guard_new_tickets() is
e'Trigger: refuses new tickets whose round is not open.\n\n'
'Errors: tickets_sealed, isolation_unsupported.';

create or replace function luckywalk.refuse_ticket_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.raise('tickets_sealed');
    return null;
end;
$$;

comment on function luckywalk.refuse_ticket_change() is
e'Trigger: refuses to change or delete tickets, and claims.\n\n'
'Errors: tickets_sealed.';

create or replace trigger tickets_are_added_to_open_rounds
after insert on luckywalk.tickets
referencing new table as added
for each statement execute function luckywalk.guard_new_tickets();

create or replace trigger tickets_are_immutable
before update or delete or truncate on luckywalk.tickets
for each statement execute function luckywalk.refuse_ticket_change();

select core.copy_statement_triggers_to_partitions('luckywalk.tickets');
