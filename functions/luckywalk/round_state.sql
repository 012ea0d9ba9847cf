-- The states of a round. The trigger refuses every change that is not in this diagram, even to the owner.
--
--               opens_at     closes_at       draws_at      settles_at
--   scheduled ----------> open ---------> closed --------> drawn ---------> settled
--
-- A round begins scheduled and goes from state to state in this order, not before the time above the arrow. Its
-- times and prizes never change. Its other columns are written in these states:
--   open      the seal, when the round is closed
--   closed    the winning numbers, and their draw
--   drawn     corrected numbers, and their draw; what was paid, when the round is settled
create or replace function luckywalk.guard_round()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_states constant text[] := array['scheduled', 'open', 'closed', 'drawn', 'settled'];
    v_from integer;
    v_to integer := pg_catalog.array_position(v_states, new.status);
    v_due timestamptz;
begin
    if tg_op = 'INSERT' then
        if new.status <> 'scheduled' then
            perform core.raise('round_transition_forbidden', pg_catalog.jsonb_build_object('to', new.status));
        end if;
        return new;
    end if;

    v_from := pg_catalog.array_position(v_states, old.status);
    if v_to not in (v_from, v_from + 1) then
        perform core.raise('round_transition_forbidden', pg_catalog.jsonb_build_object(
            'from', old.status, 'to', new.status
        ));
    end if;

    v_due := case
        when v_to = v_from + 1 then case new.status
            when 'open' then new.opens_at
            when 'closed' then new.closes_at
            when 'drawn' then new.draws_at
            when 'settled' then new.settles_at
        end
        when new.result_no is distinct from old.result_no then new.draws_at
    end;
    if v_due > core.now() then
        perform core.raise('round_not_due', pg_catalog.jsonb_build_object('due_at', v_due));
    end if;

    if luckywalk.frozen_part(new, old.status) is distinct from luckywalk.frozen_part(old, old.status) then
        perform core.raise('round_frozen');
    end if;
    return new;
end;
$$;

comment on function luckywalk.guard_round() is
e'Trigger: refuses changes of a round that its state or the clock does not allow.\n\n'
'Errors: round_transition_forbidden, round_not_due, round_frozen.';

create or replace function luckywalk.frozen_part(round luckywalk.rounds, status text)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- The arrays are the columns that may still be written in a state.
    select pg_catalog.to_jsonb(frozen_part.round) - 'status' - case frozen_part.status
        when 'scheduled' then array[]::text[]
        when 'open' then array['total_tickets', 'seal_root', 'closed_at']
        when 'closed' then array[
            'result_no', 'winning_mask', 'drawn_result_no', 'drawn_at', 'winners_count'
        ]
        when 'drawn' then array[
            'result_no', 'winning_mask', 'drawn_result_no', 'drawn_at', 'winners_count',
            'settled_at', 'paid', 'remainder'
        ]
        else array[]::text[]
    end;
$$;

comment on function luckywalk.frozen_part(luckywalk.rounds, text) is
'Returns the columns of a round that may not change any more in a state, as JSON.';

create or replace trigger rounds_keep_their_state
before insert or update on luckywalk.rounds
for each row execute function luckywalk.guard_round();

create or replace function luckywalk.refuse_change_of_record()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.raise('round_frozen');
    return null;
end;
$$;

comment on function luckywalk.refuse_change_of_record() is
e'Trigger: refuses to delete rounds, and to change or delete entered numbers, the seal, and results.\n\n'
'Errors: round_frozen.';

create or replace trigger rounds_are_never_deleted
before delete or truncate on luckywalk.rounds
for each statement execute function luckywalk.refuse_change_of_record();

create or replace trigger draw_results_are_immutable
before update or delete or truncate on luckywalk.draw_results
for each statement execute function luckywalk.refuse_change_of_record();

create or replace trigger seal_chunks_are_immutable
before update or delete or truncate on luckywalk.seal_chunks
for each statement execute function luckywalk.refuse_change_of_record();

create or replace trigger seal_nodes_are_immutable
before update or delete or truncate on luckywalk.seal_nodes
for each statement execute function luckywalk.refuse_change_of_record();

-- A second draw drops the whole partition of the first one.
create or replace trigger results_user_are_immutable
before update or delete or truncate on luckywalk.results_user
for each statement execute function luckywalk.refuse_change_of_record();

select core.copy_statement_triggers_to_partitions('luckywalk.results_user');
