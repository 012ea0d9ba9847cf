-- The guard of tickets: added to an open round only, never changed. Per statement, not per row.
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
        -- Held until commit: whoever adds by hand cannot be passed by a closing that does not see it yet.
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
'Trigger: the inserted tickets are in open rounds. Errors: tickets_sealed, isolation_unsupported.';

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
'Trigger: tickets are not changed or deleted. Errors: tickets_sealed.';

create or replace function luckywalk.guard_tickets(tickets regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Triggers per statement belong to the table that is named: the parent and each partition.
    execute pg_catalog.format(
        'create or replace trigger tickets_are_added_to_open_rounds after insert on %s
        referencing new table as added
        for each statement execute function luckywalk.guard_new_tickets()',
        guard_tickets.tickets
    );
    execute pg_catalog.format(
        'create or replace trigger tickets_are_immutable before update or delete or truncate on %s
        for each statement execute function luckywalk.refuse_ticket_change()',
        guard_tickets.tickets
    );
end;
$$;

comment on function luckywalk.guard_tickets(regclass) is 'Puts the guard on tickets or one of its partitions.';

select luckywalk.guard_tickets(pg_partition_tree.relid)
from pg_partition_tree('luckywalk.tickets');
