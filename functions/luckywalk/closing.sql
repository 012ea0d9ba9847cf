-- Closing: from its closing time on a round takes no tickets, and the tickets in it are sealed.
--
-- Lock order: 1. the round (luckywalk.lock_round, exclusive; lower rounds first), 2. its row of luckywalk.rounds. When
-- the round was never opened, closing also locks what opening locks (rounds.sql.j2).
-- needs: views
create or replace function luckywalk.close_due_round(round_no integer)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_round luckywalk.rounds;
    v_total_tickets bigint;
    v_seal_root bytea;
begin
    -- Waits for claims under way. Claims that come later wait, too, and then find the round closed.
    perform luckywalk.lock_round(close_due_round.round_no, true);
    select * into v_round
    from luckywalk.rounds as r
    where r.round_no = close_due_round.round_no
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
        perform luckywalk.open_due_round(close_due_round.round_no);
    end if;

    select s.total_tickets, s.seal_root into v_total_tickets, v_seal_root
    from luckywalk.seal_round(close_due_round.round_no) as s;
    update luckywalk.rounds as r
    set status = 'closed', total_tickets = v_total_tickets, seal_root = v_seal_root, closed_at = core.now()
    where r.round_no = close_due_round.round_no;
    return true;
end;
$$;

comment on function luckywalk.close_due_round(integer) is
e'Closes and seals a round whose closing time has come.\n\n'
'Returns false when the round was closed before.\n\n'
'Errors: round_not_found, round_not_due.';

create or replace function luckywalk.close_round(round_no integer)
returns setof api.rounds
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_administrator();
    perform luckywalk.close_due_round(close_round.round_no);
    return query select * from api.rounds as r where r.round_no = close_round.round_no;
end;
$$;

comment on function luckywalk.close_round(integer) is
e'Closes and seals a round whose closing time has come, for an administrator.\n\n'
'Needed only when the job close_round is late. A repeated call changes nothing.\n\n'
'Errors: not_administrator, round_not_found, round_not_due.';

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
        if luckywalk.close_due_round(v_round_no) then
            v_closed := v_closed || v_round_no;
        end if;
    end loop;
    return pg_catalog.jsonb_build_object(
        'processed', pg_catalog.cardinality(v_closed),
        'total_tickets', coalesce(
            (select pg_catalog.sum(r.total_tickets) from luckywalk.rounds as r where r.round_no = any (v_closed)), 0
        ),
        'rounds', pg_catalog.to_jsonb(v_closed)
    );
end;
$$;

comment on function luckywalk.close_due_rounds() is
e'Job: closes and seals every round whose closing time has come.\n\n'
'Returns processed, total_tickets, and the numbers of the rounds.';
