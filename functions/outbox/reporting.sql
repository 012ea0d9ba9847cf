-- Reporting: a sender says what it saw, and the database decides what that means.
-- Locks: the messages' rows of the queue, by message_id, and the lanes' states, lane by lane; then what the result
-- functions take.
-- needs: concluding lane_states
create or replace function outbox.classify(of_lane outbox.lanes, report outbox.report)
returns text
language sql
immutable
parallel safe
return case
    when (report).error in ('response_too_large', 'host_refused', 'request_invalid') then 'refused'
    when (report).error = 'secret_missing' then 'paused'
    when (report).error is not null and not coalesce((report).was_sent, true) then 'failed'
    -- It may have arrived. So it may when a sender says nothing that could be, or a status that there is not.
    when (report).error is not null or (report).status is null or (report).status not between 200 and 599
        then 'unknown'
    when length((report).body) > (of_lane).response_limit then 'refused'
    when (report).status between 200 and 299 then 'delivered'
    when (report).status = any((of_lane).pause_on) then 'paused'
    when (report).status in (408, 425, 429) or (report).status >= 500 then 'failed'
    else 'refused'
end;

comment on function outbox.classify(outbox.lanes, outbox.report) is
e'What an attempt came to: delivered, refused, failed, unknown or paused.\n\n'
'2xx is delivered; 408, 425, 429, 5xx and what was not sent have failed; everything else that was answered is refused.';

create or replace function outbox.judge(
    of_lane outbox.lanes,
    queued outbox.queue[],
    reports outbox.report[],
    paused_until timestamptz,
    now timestamptz
)
returns outbox.verdict[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- Both are arrays, of whose lengths a plan knows nothing.
set enable_nestloop = off
as $$
begin
    return array(
        select row(
            j.message_id, j.made_on, j.lane, j.lease_no, j.attempts, j.outcome, j.ended, j.is_charged,
            case when j.ended is null then greatest(
                -- Up to a tenth longer by chance, so that what failed together does not come back together; never
                -- sooner. What was not charged comes after what has not been tried.
                judge.now + of_lane.delays[j.attempts + 1] * (1 + pg_catalog.random() / 10),
                judge.now + j.retry_after,
                judge.paused_until
            ) end,
            j.status,
            pg_catalog.left(j.error, 100),
            j.retry_after,
            case when j.ended is not null and pg_catalog.jsonb_typeof(j.headers) = 'object'
                and pg_catalog.length(j.headers::text) <= 65536 then j.headers end,
            case when j.ended is not null and j.error is distinct from 'response_too_large' then j.body end
        )::outbox.verdict
        from (
            select
                c.*,
                case
                    when c.outcome in ('delivered', 'refused') then c.outcome
                    when c.attempts >= pg_catalog.cardinality(of_lane.delays) then 'dead'
                end as ended
            from (
                select distinct on (q.message_id)
                    q.message_id, q.made_on, q.lane, q.leases as lease_no, r.status, r.headers, r.body, o.outcome,
                    o.is_charged, q.attempts + o.is_charged::integer as attempts,
                    coalesce(
                        r.error,
                        case
                            when r.status is null then 'nothing_reported'
                            when pg_catalog.length(r.body) > of_lane.response_limit then 'response_too_large'
                        end
                    ) as error,
                    least(greatest(r.retry_after, '0'), interval '1 hour') as retry_after
                from pg_catalog.unnest(judge.queued) as q
                inner join pg_catalog.unnest(judge.reports) as r
                    on r.message_id = q.message_id and r.lease_no = q.leases
                cross join lateral (
                    select
                        outbox.classify(of_lane, r) as outcome,
                        outbox.classify(of_lane, r) in ('failed', 'unknown') and judge.paused_until is null
                            as is_charged
                ) as o
                where q.lane = of_lane.lane
                order by q.message_id
            ) as c
        ) as j
        order by j.message_id
    );
end;
$$;

comment on function outbox.judge(
    outbox.lanes, outbox.queue[], outbox.report[], timestamptz, timestamptz
) is
e'The verdicts on those of these rows that are the lane''s, one each.\n\n'
'paused_until: of a lane that is paused; then it is at fault, the attempt is not charged, and the message comes after '
'those that have not been tried. A message without a wait that is left is dead.';

create or replace function outbox.lock_reported(reports outbox.report[])
returns outbox.queue[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
begin
    return (
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
        ) as b
    );
end;
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
    v_verdicts outbox.verdict[] := array[]::outbox.verdict[];
begin
    for v_lane in
        select l.*
        from outbox.lanes as l
        where l.lane in (select c.lane from pg_catalog.unnest(v_counted) as c)
        order by l.lane
    loop
        v_of_lane := outbox.judge(v_lane, v_counted, report_results.reports, null, v_now);
        v_state := outbox.record_outcomes(v_lane, v_of_lane, v_now);
        if v_state.pauses > 0 then
            v_of_lane := outbox.judge(
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
        from pg_catalog.unnest(release_leases.leases) as l
        where q.message_id = l.message_id and q.leases = l.lease_no and q.is_leased
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
