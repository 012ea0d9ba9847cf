-- Closing: from its closing time on a round takes no tickets, and the tickets in it are sealed.
--
-- Lock order: 1. luckywalk.seal_nodes, as for writing, 2. the round (luckywalk.lock_round, exclusive; lower rounds
-- first), 3. its row of luckywalk.rounds. When the round was never opened, closing also locks what opening locks
-- (rounds.sql.j2).
--
-- Nobody decides about a ticket after the round is closed: a claim holds the round's lock until it commits, and a
-- session that does not let go of it in time is ended.
-- needs: views
create or replace function luckywalk.round_lock_holders(round_no integer)
returns table (pid integer, prepared text)
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select l.pid, p.gid
    from pg_catalog.pg_locks as l
    -- A prepared transaction has its own number locked, as every one that has a number.
    left join pg_catalog.pg_locks as x
        on x.locktype = 'transactionid'
        and x.mode = 'ExclusiveLock'
        and x.virtualtransaction = l.virtualtransaction
        and l.pid is null
        and x.pid is null
    left join pg_catalog.pg_prepared_xacts as p on p.transaction = x.transactionid
    where l.locktype = 'advisory'
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
        and l.classid = core.round_locks()::oid
        and l.objid = round_lock_holders.round_no::oid
        and l.objsubid = 2
        and l.granted
        and l.pid is distinct from pg_catalog.pg_backend_pid()
        -- Another closing, which is the only one to write there; clients have no right that would lock the table so.
        and not exists (
            select
            from pg_catalog.pg_locks as s
            where s.pid = l.pid
                and s.locktype = 'relation'
                and s.relation = 'luckywalk.seal_nodes'::regclass
                and s.mode = 'RowExclusiveLock'
                and s.granted
        );
$$;

comment on function luckywalk.round_lock_holders(integer) is
e'Returns who has a round''s lock, without those that are closing it.\n\n'
'pid: the session''s process. prepared: for a prepared transaction, which has no session, its identifier.';

create or replace function luckywalk.end_round_lock_holders(round_no integer, among integer[])
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_holder record;
begin
    for v_holder in
        select h.pid, h.prepared, a.usename
        from luckywalk.round_lock_holders(end_round_lock_holders.round_no) as h
        left join pg_catalog.pg_stat_activity as a on a.pid = h.pid
        where h.pid is null or end_round_lock_holders.among is null or h.pid = any (end_round_lock_holders.among)
    loop
        if v_holder.pid is null then
            raise exception 'round % cannot be closed: the prepared transaction % has its lock',
                end_round_lock_holders.round_no, v_holder.prepared
                using errcode = 'lock_not_available',
                hint = pg_catalog.format('rollback prepared %L', v_holder.prepared);
        end if;
        begin
            perform pg_catalog.pg_terminate_backend(v_holder.pid);
            raise log 'round %: ended session % of %, which still had its lock', end_round_lock_holders.round_no,
                v_holder.pid, v_holder.usename;
        exception
            when insufficient_privilege then
                raise exception 'round % cannot be closed: session % of % has its lock',
                    end_round_lock_holders.round_no, v_holder.pid, v_holder.usename
                    using errcode = 'lock_not_available',
                    hint = pg_catalog.format('let a superuser run: select pg_terminate_backend(%s)', v_holder.pid);
        end;
    end loop;
end;
$$;

comment on function luckywalk.end_round_lock_holders(integer, integer[]) is
e'Ends the sessions that have a round''s lock; for closing alone.\n\n'
'among: the processes that may be ended; null: any.\n\n'
'Errors: 55P03 when a prepared transaction or a superuser''s session has the lock, which only a superuser can end.';

create or replace function luckywalk.lock_round_to_close(round_no integer)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- Set for each wait below; the caller's own is back afterwards.
set lock_timeout = 0
as $$
declare
    v_wait text := core.setting_integer('luckywalk.closing_wait_seconds') || 's';
    v_holders integer[];
begin
    -- This tells other closings, and the wait below, who is closing.
    lock table luckywalk.seal_nodes in row exclusive mode;
    v_holders := array(select h.pid from luckywalk.round_lock_holders(lock_round_to_close.round_no) as h);
    loop
        perform pg_catalog.set_config('lock_timeout', v_wait, true);
        begin
            perform luckywalk.lock_round(lock_round_to_close.round_no, true);
            return;
        exception
            when lock_not_available then
                null;
        end;
        -- First those alone that had it from the beginning: others got it this moment, as the wait for it ended. Who
        -- then has it for longer keeps the round open, too.
        perform luckywalk.end_round_lock_holders(lock_round_to_close.round_no, v_holders);
        v_holders := null;
        v_wait := '500ms';
    end loop;
end;
$$;

comment on function luckywalk.lock_round_to_close(integer) is
e'Locks a round to close it, and ends the sessions that keep it from that for too long.\n\n'
'Claims under way have luckywalk.closing_wait_seconds to commit. A claim in a transaction that is left open is undone '
'with its session, so that nobody commits it when the winning numbers are known.\n\n'
'Errors: isolation_unsupported; 55P03 when only a superuser can end who has the lock.';

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
    -- Looked at before the lock, too: nobody's session is ended for a round that is closed or not due.
    select * into v_round
    from luckywalk.rounds as r
    where r.round_no = close_due_round.round_no;
    if not found then
        perform core.raise('round_not_found');
    end if;
    if v_round.status in ('closed', 'drawn', 'settled') then
        return false;
    end if;
    if core.now() < v_round.closes_at then
        perform core.raise('round_not_due', pg_catalog.jsonb_build_object('due_at', v_round.closes_at));
    end if;
    -- Waits for claims under way. Claims that come later wait, too, and then find the round closed.
    perform luckywalk.lock_round_to_close(close_due_round.round_no);
    select * into v_round
    from luckywalk.rounds as r
    where r.round_no = close_due_round.round_no
    for update;
    if v_round.status in ('closed', 'drawn', 'settled') then
        return false;
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
