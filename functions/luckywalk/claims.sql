-- Claims: a walker reports the steps of the business day, and claims one ticket for each threshold reached.
--
-- Lock order of a claim, up to its commit:
--   1. its round (luckywalk.lock_round, shared), lower rounds first;
--   2. the partition of the month, when it does not exist yet (core.ensure_month): two jobs make it two months ahead,
--      so that a claim does it only when neither ran for that long;
--   3. its row of luckywalk.claims: a second call for the same ticket waits here for the first.
-- A claim that opens its round locks it exclusively, and then what opening locks (rounds.sql.j2).
-- needs: types
create or replace function luckywalk.step_thresholds()
returns integer[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
return array[1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000];

comment on function luckywalk.step_thresholds() is
e'Returns the numbers of steps a day that each earn one ticket, in ascending order.\n\n'
'The constraint claims_step_is_a_threshold lists them, too: new thresholds need a migration of it.';

create or replace function luckywalk.report_steps(steps integer)
returns setof api.daily_progress
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.require_user();
    v_day date := core.business_day();
begin
    if report_steps.steps is null then
        perform core.raise('steps_invalid');
    end if;
    perform core.ensure_month('luckywalk.daily_progress', v_day);
    -- Several devices report, late and out of order: the highest total of the day counts.
    return query
    insert into luckywalk.daily_progress as s (user_id, day, steps, updated_at)
    values (v_user_id, v_day, report_steps.steps, core.now())
    on conflict on constraint daily_progress_pkey do update set
        steps = greatest(s.steps, excluded.steps),
        updated_at = excluded.updated_at
    returning s.day, s.steps;
end;
$$;

comment on function luckywalk.report_steps(integer) is
e'Reports how many steps the caller has walked today.\n\n'
'steps is the total of the business day. Reports may come late and out of order: the highest one counts.\n\n'
'Errors: not_signed_in, steps_invalid.';

create or replace function luckywalk.claim_steps(threshold integer, numbers integer[] default null)
returns setof api.claims
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.require_user();
    v_day date := core.business_day();
    v_steps integer;
    v_mask bigint;
begin
    if claim_steps.threshold is null or claim_steps.threshold <> all (luckywalk.step_thresholds()) then
        perform core.raise('step_threshold_invalid');
    end if;
    if claim_steps.numbers is not null then
        v_mask := luckywalk.numbers_to_mask(claim_steps.numbers);
    end if;
    select s.steps into v_steps
    from luckywalk.daily_progress as s
    where s.user_id = v_user_id and s.day = v_day;
    if coalesce(v_steps, 0) < claim_steps.threshold then
        perform core.raise('not_enough_steps', pg_catalog.jsonb_build_object(
            'steps', coalesce(v_steps, 0), 'threshold', claim_steps.threshold
        ));
    end if;
    return next luckywalk.claim(v_user_id, v_day, 'steps', claim_steps.threshold, v_mask);
end;
$$;

comment on function luckywalk.claim_steps(integer, integer[]) is
e'Claims the ticket for a number of steps that the caller has reached today.\n\n'
'threshold: 1000 to 10000 steps, in thousands. numbers: six different ones from 1 to 45, or none for a quick '
'pick. A repeated call returns the first claim with its numbers.\n\n'
'Errors: not_signed_in, step_threshold_invalid, lottery_numbers_invalid, not_enough_steps.';

create or replace function luckywalk.claim(
    user_id uuid, day date, source text, step integer, mask bigint
)
returns api.claims
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_target record := luckywalk.round_to_claim_in();
    v_claim luckywalk.claims;
    v_mask bigint := coalesce(claim.mask, luckywalk.quick_pick());
begin
    perform core.ensure_month('luckywalk.claims', claim.day);
    insert into luckywalk.claims as c (
        user_id, day, source, step, round_no, ticket_id, banked_mask, claimed_at
    )
    values (
        claim.user_id, claim.day, claim.source, claim.step, v_target.round_no, pg_catalog.gen_random_uuid(),
        case when not v_target.is_open then v_mask end, v_target.locked_at
    )
    on conflict on constraint claims_pkey do nothing
    returning c.* into v_claim;
    if not found then
        select * into v_claim
        from luckywalk.claims as c
        where c.user_id = claim.user_id
            and c.day = claim.day
            and c.source = claim.source
            and c.step = claim.step;
        -- A query of its own, since a join with claims would be planned over the partitions of all rounds.
        v_mask := coalesce(v_claim.banked_mask, (
            select t.mask
            from luckywalk.tickets as t
            where t.round_no = v_claim.round_no
                and t.ticket_id = v_claim.ticket_id
                and t.user_id = v_claim.user_id
        ));
    elsif v_target.is_open then
        insert into luckywalk.tickets (ticket_id, user_id, round_no, mask, created_at)
        values (v_claim.ticket_id, v_claim.user_id, v_claim.round_no, v_mask, v_claim.claimed_at);
    end if;

    return row(
        v_claim.day,
        v_claim.source,
        v_claim.step,
        v_claim.round_no,
        v_claim.ticket_id,
        luckywalk.mask_to_numbers(v_mask),
        v_claim.banked_mask is not null,
        v_claim.claimed_at
    )::api.claims;
end;
$$;

comment on function luckywalk.claim(uuid, date, text, integer, bigint) is
e'Makes a claim and its ticket, or returns the claim that was made before.\n\n'
'The ticket goes into the open round. Between two rounds the claim is banked for the next one. Without a mask '
'the numbers are picked by chance.\n\n'
'Errors: isolation_unsupported.';

create or replace function luckywalk.round_to_claim_in(
    out round_no integer, out is_open boolean, out locked_at timestamptz
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_status text;
    v_round luckywalk.rounds;
begin
    round_no := luckywalk.round_no_of_day(core.business_day());
    loop
        select r.status into v_status
        from luckywalk.rounds as r
        where r.round_no = round_to_claim_in.round_no;
        -- When the job that opens the round is late, the first claim of the week opens it: when only rows are to be
        -- written. Making a partition is not for a client's call and its time limits: then the claim is banked.
        if coalesce(v_status, 'scheduled') = 'scheduled' and luckywalk.has_round_partition(round_no) then
            v_round := luckywalk.round_or_plan(round_no);
            if core.now() >= v_round.opens_at and core.wall_clock() < v_round.closes_at then
                perform luckywalk.open_due_round(round_no);
            end if;
        end if;
        -- From here to the commit of the claim nobody opens or closes its round.
        perform luckywalk.lock_round(round_no, false);
        v_round := luckywalk.round_or_plan(round_no);
        -- Not the time at which the transaction began: an old transaction could claim after the draw.
        locked_at := core.wall_clock();
        exit when v_round.status in ('scheduled', 'open') and locked_at < v_round.closes_at;
        round_no := round_no + 1;
    end loop;
    is_open := v_round.status = 'open';
end;
$$;

comment on function luckywalk.round_to_claim_in() is
e'Locks the round that a claim made now goes into, and returns its number.\n\n'
'is_open is false when the round is not open yet: then the claim is banked for it. The real time decides '
'(locked_at), not the time at which the transaction began, so that nobody claims in an old transaction when the '
'numbers are known. When the job that opens the round is late, this function opens it, if its partition is there.\n\n'
'Errors: isolation_unsupported.';
