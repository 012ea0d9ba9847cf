-- Closing: from its closing time on a round takes no ticket, and its ticket set is sealed.
-- needs: views
create or replace function luckywalk.close_round_no(round_no integer)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round luckywalk.rounds;
    v_ticket_count bigint;
    v_seal_root bytea;
begin
    -- Waits for the claims under way; those that come later find the round closed.
    perform luckywalk.lock_round(close_round_no.round_no, true);
    select * into v_round
    from luckywalk.rounds as r
    where r.round_no = close_round_no.round_no
    for update;
    if not found then
        perform core.raise('round_not_found');
    end if;
    if v_round.status in ('closed', 'drawn', 'settled') then
        return false;
    end if;
    if core.now() < v_round.closes_at then
        perform core.raise('round_not_due', pg_catalog.jsonb_build_object('due_at', v_round.closes_at));
    end if;
    if v_round.status = 'scheduled' then
        perform luckywalk.open_round_no(close_round_no.round_no);
    end if;

    select s.ticket_count, s.seal_root into v_ticket_count, v_seal_root
    from luckywalk.seal_round(close_round_no.round_no) as s;
    update luckywalk.rounds as r
    set status = 'closed', ticket_count = v_ticket_count, seal_root = v_seal_root, closed_at = core.now()
    where r.round_no = close_round_no.round_no;
    return true;
end;
$$;

comment on function luckywalk.close_round_no(integer) is
'Closes and seals a round; false when it was closed before. Errors: round_not_found, round_not_due.';

create or replace function luckywalk.close_round(round_no integer)
returns setof api.rounds
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_administrator();
    perform luckywalk.close_round_no(close_round.round_no);
    return query select * from api.rounds as r where r.round_no = close_round.round_no;
end;
$$;

comment on function luckywalk.close_round(integer) is
'Closes and seals a round whose time has come, for an administrator, when the job is late. Repeated, it
changes nothing. Errors: not_administrator, round_not_found, round_not_due.';

create or replace function luckywalk.close_due_rounds()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round_no integer;
    v_closed integer[] := array[]::integer[];
begin
    for v_round_no in
        select r.round_no
        from luckywalk.rounds as r
        where r.status in ('scheduled', 'open') and r.closes_at <= core.now()
        order by r.round_no
    loop
        if luckywalk.close_round_no(v_round_no) then
            v_closed := v_closed || v_round_no;
        end if;
    end loop;
    return pg_catalog.jsonb_build_object(
        'processed', pg_catalog.cardinality(v_closed),
        'total_tickets', coalesce(
            (select pg_catalog.sum(r.ticket_count) from luckywalk.rounds as r where r.round_no = any (v_closed)), 0
        ),
        'rounds', pg_catalog.to_jsonb(v_closed)
    );
end;
$$;

comment on function luckywalk.close_due_rounds() is
'Job: closes and seals every round whose closing time has come. Returns processed, total_tickets, rounds.';
