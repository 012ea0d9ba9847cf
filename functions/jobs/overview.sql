-- Overview: how each job does, in one row, for people and over plain SQL.
-- needs: missed
create or replace function jobs.backlog(
    job jobs.jobs, out waiting bigint, out oldest_at timestamptz, out problem text
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
-- The query comes from cron/<app>.yaml, whose author may define functions as well.
-- @plpgsql_check_options: security_warnings = off
begin
    if job.backlog_query is not null then
        execute job.backlog_query into strict waiting, oldest_at;
    end if;
exception
    -- One query that fails must not hide how the other jobs do.
    when others then
        problem := sqlerrm;
end;
$$;

comment on function jobs.backlog(jobs.jobs) is
e'How many rows wait for the job, and since when the oldest does.\n\n'
'Null without a backlog query. problem: why the query failed.';

create or replace function jobs.recent_figures(job_name text)
returns table (
    failures bigint, successes bigint, p50 interval, p95 interval, lateness_p95 interval
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with ended as (
        select
            r.run_id,
            r.status,
            case when r.trigger in ('schedule', 'catch_up') then r.started_at - r.slot_at end as lateness,
            row_number() over (order by r.finished_at desc, r.run_id desc) as place
        from jobs.runs as r
        where r.job_name = recent_figures.job_name and r.finished_at is not null
        order by r.finished_at desc, r.run_id desc
        limit 100
    ),

    worked as (
        select e.*, a.duration
        from ended as e
        cross join lateral (
            -- Without the waits between attempts, which are no work of the job's.
            select sum(a.finished_at - a.started_at) as duration
            from jobs.attempts as a
            where a.run_id = e.run_id
        ) as a
    )

    select
        -- A skipped run ends a row of successes; in a row of failures it does not count.
        count(*) filter (where w.status = 'failed' and w.place < s.first_success),
        count(*) filter (where w.place < s.first_other),
        percentile_cont(0.5) within group (order by w.duration),
        percentile_cont(0.95) within group (order by w.duration),
        percentile_cont(0.95) within group (order by greatest(w.lateness, interval '0'))
        filter (where w.lateness is not null)
    from worked as w
    cross join (
        select
            coalesce(min(e.place) filter (where e.status = 'succeeded'), 101) as first_success,
            coalesce(min(e.place) filter (where e.status <> 'succeeded'), 101) as first_other
        from ended as e
    ) as s;
$$;

comment on function jobs.recent_figures(text) is
e'Figures of the last 100 runs of a job that ended.\n\n'
'Failures or successes in a row; how long the runs worked, without the waits between attempts; how late those began '
'that the schedule woke.';

create or replace function jobs.missed_since(job jobs.jobs, since timestamptz)
returns table (slots bigint, unexpected bigint, newest_at timestamptz)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with missed as (
        select
            m.last_slot_at,
            -- A slot that somebody has run by hand is missed no more.
            m.slots - (
                select count(*)
                from jobs.runs as r
                where r.job_name = m.job_name
                    and r.slot_at between m.first_slot_at and m.last_slot_at
                    and r.status = 'succeeded'
                    and r.slot_at in (
                        select s.slot_at
                        from jobs.slots_between(job.job_name, r.slot_at - interval '1 second', r.slot_at) as s (slot_at)
                    )
            ) as slots,
            -- After an outage, the newest slot stands for those before it by policy `latest`.
            m.reason = 'superseded' and m.cause = 'down' as expected
        from jobs.missed_slots as m
        where m.job_name = job.job_name and m.reason <> 'off' and m.last_slot_at > since
    )

    select
        coalesce(sum(m.slots), 0)::bigint,
        coalesce(sum(m.slots) filter (where not m.expected), 0)::bigint,
        max(m.last_slot_at) filter (where not m.expected and m.slots > 0)
    from missed as m;
$$;

comment on function jobs.missed_since(jobs.jobs, timestamptz) is
e'How many slots of a job did not run since a moment, and have not been run by hand.\n\n'
'Those of a time when the job was switched off do not count. unexpected: without those that a newer slot stands for '
'by policy `latest` after an outage. newest_at: the newest of the unexpected.';

create or replace function jobs.overview()
returns table (
    job_name text,
    app text,
    state text,
    schedule text,
    zone text,
    next_slot_at timestamp,
    last_slot_at timestamp,
    last_status text,
    last_reason text,
    last_started_at timestamptz,
    failures_in_a_row integer,
    successes_in_a_row integer,
    p50 interval,
    p95 interval,
    lateness_p95 interval,
    missed_in_7_days bigint,
    waiting_runs bigint,
    backlog bigint,
    backlog_oldest_at timestamptz,
    backlog_state text
)
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- With some hundred jobs, compiling takes fifty times as long as the query.
set jit = off
as $$
    select
        j.job_name,
        j.app,
        s.state,
        j.schedule,
        j.zone,
        case when s.state = 'on' then jobs.next_slot(j.job_name, core.now()) at time zone j.zone end,
        l.slot_at at time zone j.zone,
        l.status,
        l.reason,
        l.started_at,
        h.failures::integer,
        h.successes::integer,
        h.p50,
        h.p95,
        h.lateness_p95,
        m.slots,
        (
            select count(*)
            from jobs.runs as r
            where r.job_name = j.job_name and r.due_at is not null
        ),
        b.waiting,
        b.oldest_at,
        case
            when b.problem is not null then 'unknown'
            when b.waiting > j.backlog_alarm then 'alarm'
            when b.waiting > j.backlog_normal then 'high'
            when b.waiting is not null then 'normal'
        end
    from jobs.jobs as j
    cross join lateral (
        select case
            when not j.declared_enabled then 'declared off'
            when j.switched_off then 'switched off'
            when not jobs.is_live() then 'not live'
            else 'on'
        end as state
    ) as s
    left join lateral (
        select r.*
        from jobs.runs as r
        where r.job_name = j.job_name
        order by r.slot_at desc
        limit 1
    ) as l on true
    cross join lateral jobs.recent_figures(j.job_name) as h
    cross join lateral jobs.missed_since(j, core.now() - interval '7 days') as m
    cross join lateral jobs.backlog(j) as b
    where j.removed_at is null
    order by j.job_name;
$$;

comment on function jobs.overview() is
e'One row a job, with its state, its next and last slot, and how its last runs went.\n\n'
'state: on, switched off, declared off, not live. Slots are in local time of the job''s zone; next_slot_at is null '
'when the job is not on. Durations and lateness are of the last 100 runs. backlog_state: normal, high, alarm, or '
'unknown when the query fails. For the owner.';
