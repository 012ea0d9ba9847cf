-- Reporting: a sender says what it saw, and the database decides what that means.
-- Locks: the messages' rows of the queue, by message_id, and the lanes' states, lane by lane; then what the result
-- functions take.
-- needs: concluding lane_states
create or replace function outbox.classify(of_lane outbox.lanes, report outbox.report)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when report.error in ('response_too_large', 'host_refused', 'request_invalid') then 'refused'
        when report.error = 'secret_missing' then 'paused'
        when report.error is not null and not coalesce(report.was_sent, true) then 'failed'
        -- It may have arrived. So it may when a sender says nothing that could be, or a status that there is not.
        when report.error is not null or report.status is null or report.status not between 200 and 599 then 'unknown'
        when pg_catalog.length(report.body) > of_lane.response_limit then 'refused'
        when report.status between 200 and 299 then 'delivered'
        when report.status = any (of_lane.pause_on) then 'paused'
        when report.status in (408, 425, 429) or report.status >= 500 then 'failed'
        else 'refused'
    end;
$$;

comment on function outbox.classify(outbox.lanes, outbox.report) is
e'What an attempt came to: delivered, refused, failed, unknown or paused.\n\n'
'2xx is delivered, 408, 425, 429, 5xx and what was not sent have failed, everything else that was answered is refused.';

create or replace function outbox.judge(
    queued outbox.queue, report outbox.report, of_lane outbox.lanes, paused_until timestamptz, now timestamptz
)
returns outbox.verdict
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_verdict outbox.verdict;
    v_wait interval;
begin
    v_verdict.message_id := queued.message_id;
    v_verdict.made_on := queued.made_on;
    v_verdict.lane := queued.lane;
    v_verdict.lease_no := queued.leases;
    v_verdict.outcome := outbox.classify(of_lane, report);
    v_verdict.is_charged := v_verdict.outcome in ('failed', 'unknown') and judge.paused_until is null;
    v_verdict.attempts := queued.attempts + v_verdict.is_charged::integer;
    v_verdict.status := report.status;
    v_verdict.error := pg_catalog.left(coalesce(
        report.error,
        case
            when pg_catalog.length(report.body) > of_lane.response_limit then 'response_too_large'
            when report.status is null then 'nothing_reported'
        end
    ), 100);
    v_verdict.retry_after := least(greatest(report.retry_after, '0'), interval '1 hour');
    if v_verdict.outcome in ('delivered', 'refused') then
        v_verdict.ended := v_verdict.outcome;
    elsif v_verdict.attempts >= pg_catalog.cardinality(of_lane.delays) then
        v_verdict.ended := 'dead';
    else
        -- Up to a tenth longer by chance, so that what failed together does not come back together; never sooner.
        v_wait := of_lane.delays[v_verdict.attempts + 1] * (1 + pg_catalog.random() / 10);
        v_verdict.due_at := greatest(judge.now + v_wait, judge.now + v_verdict.retry_after, judge.paused_until);
    end if;
    if v_verdict.ended is not null and v_verdict.error is distinct from 'response_too_large' then
        v_verdict.body := pg_catalog.substr(report.body, 1, of_lane.response_limit);
    end if;
    if v_verdict.ended is not null and pg_catalog.jsonb_typeof(report.headers) = 'object'
        and pg_catalog.length(report.headers::text) <= 65536 then
        v_verdict.headers := report.headers;
    end if;
    return v_verdict;
end;
$$;

comment on function outbox.judge(outbox.queue, outbox.report, outbox.lanes, timestamptz, timestamptz) is
e'What becomes of a message after a report.\n\n'
'paused_until: of a lane that is paused; then it is at fault, the attempt is not charged, and the message comes after '
'those that have not been tried. A message without a wait that is left is dead.';

create or replace function outbox.judge_all(
    of_lane outbox.lanes, queued outbox.queue[], reports outbox.report[], paused_until timestamptz, now timestamptz
)
returns outbox.verdict[]
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select array(
        select outbox.judge(f.q, f.r, of_lane, judge_all.paused_until, judge_all.now)
        from (
            select distinct on (q.message_id) q, r
            from pg_catalog.unnest(judge_all.queued) as q
            inner join pg_catalog.unnest(judge_all.reports) as r
                on r.message_id = q.message_id and r.lease_no = q.leases
            where q.lane = of_lane.lane
            order by q.message_id
        ) as f
    );
$$;

comment on function outbox.judge_all(
    outbox.lanes, outbox.queue[], outbox.report[], timestamptz, timestamptz
) is 'The verdicts on those of these rows that are the lane''s, one each.';

create or replace function outbox.lock_reported(reports outbox.report[])
returns outbox.queue[]
language sql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
    select coalesce(pg_catalog.array_agg(b.q order by (b.q).message_id), '{}')
    from (
        select q
        from outbox.queue as q
        inner join (
            select distinct r.message_id, r.lease_no
            from pg_catalog.unnest(lock_reported.reports) as r
        ) as r on q.message_id = r.message_id and q.leases = r.lease_no
        where q.is_leased
        order by q.message_id
        for update of q
    ) as b;
$$;

comment on function outbox.lock_reported(outbox.report[]) is
'Locks the rows of the queue whose current lease is among these reports.';

create or replace function outbox.record_stale(reports outbox.report[], counted outbox.queue[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
as $$
    insert into outbox.attempts (message_id, made_on, lease_no, is_stale, at, outcome, status, error, retry_after)
    select distinct on (r.message_id, r.lease_no)
        m.message_id, m.made_on, r.lease_no, true, core.wall_clock(), outbox.classify(l, r), r.status,
        pg_catalog.left(r.error, 100), r.retry_after
    from pg_catalog.unnest(record_stale.reports) as r
    inner join outbox.messages as m on m.message_id = r.message_id
    inner join outbox.lanes as l on l.lane = m.lane
    where not exists (
        select
        from pg_catalog.unnest(record_stale.counted) as c
        where c.message_id = r.message_id and c.leases = r.lease_no
    )
        -- A lease that never was is nobody's report.
        and r.lease_no between 1 and greatest(
            (select q.leases from outbox.queue as q where q.message_id = r.message_id),
            (select max(a.lease_no) from outbox.attempts as a where a.message_id = r.message_id)
        )
    order by r.message_id, r.lease_no
    on conflict on constraint attempts_pkey do nothing;
$$;

comment on function outbox.record_stale(outbox.report[], outbox.queue[]) is
'Records the reports that came too late or twice, once for each lease: they change nothing.';

create or replace function outbox.report_results(reports outbox.report[])
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_counted outbox.queue[] := outbox.lock_reported(report_results.reports);
    v_lane outbox.lanes;
    v_state outbox.lane_states;
    v_of_lane outbox.verdict[];
    v_verdicts outbox.verdict[] := '{}';
begin
    for v_lane in
        select l.*
        from outbox.lanes as l
        where l.lane in (select c.lane from pg_catalog.unnest(v_counted) as c)
        order by l.lane
    loop
        v_of_lane := outbox.judge_all(v_lane, v_counted, report_results.reports, null, v_now);
        v_state := outbox.record_outcomes(v_lane, v_of_lane, v_now);
        if v_state.pauses > 0 then
            v_of_lane := outbox.judge_all(
                v_lane, v_counted, report_results.reports, v_state.paused_until, v_now
            );
        end if;
        v_verdicts := v_verdicts || v_of_lane;
    end loop;
    perform outbox.conclude(v_verdicts);
    if pg_catalog.cardinality(v_counted) < pg_catalog.cardinality(report_results.reports) then
        perform outbox.record_stale(report_results.reports, v_counted);
    end if;
    return pg_catalog.cardinality(v_counted);
end;
$$;

comment on function outbox.report_results(outbox.report[]) is
e'Takes what a relay saw of its attempts, and decides what it means; returns how many reports counted.\n\n'
'A report counts while its lease is the message''s current one. Others are recorded and change nothing, so that a call '
'whose answer was lost may be repeated. Messages that end are handed to the result functions of their lanes here.';

create or replace function outbox.release_leases(leases outbox.lease[])
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.wall_clock();
    v_released integer;
begin
    with released as (
        update outbox.queue as q
        set is_leased = false, due_at = v_now
        where q.message_id = any (array(select l.message_id from pg_catalog.unnest(release_leases.leases) as l))
            and q.is_leased
            and exists (
                select
                from pg_catalog.unnest(release_leases.leases) as l
                where l.message_id = q.message_id and l.lease_no = q.leases
            )
        returning q.message_id, q.leases
    ),

    probes as (
        update outbox.lane_states as s
        set probe_message_id = null, probe_lease_no = null, probe_until = null
        from released as r
        where s.probe_message_id = r.message_id and s.probe_lease_no = r.leases
    )

    select count(*) into v_released
    from released;
    return v_released;
end;
$$;

comment on function outbox.release_leases(outbox.lease[]) is
e'Gives back messages that a relay leased and has not sent; returns how many.\n\n'
'They are due at once, and nothing is charged.';
