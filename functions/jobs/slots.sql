-- Slots: the moments of a job, computed from its schedule in local time. The dialect is cronsim's.
create or replace function jobs.matches_day(
    day date, days_of_month text[], months smallint[], days_of_week text[], either_day boolean
)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (months is null or extract(month from day) = any (months)) and case
        when either_day then coalesce(days_of_month && d.of_month, true) or coalesce(days_of_week && d.of_week, true)
        else coalesce(days_of_month && d.of_month, true) and coalesce(days_of_week && d.of_week, true)
    end
    from (
        select
            array[
                extract(day from day)::text,
                case when day = l.last_day then 'L' end,
                case when day = l.last_day - greatest(extract(isodow from l.last_day)::integer - 5, 0) then 'LW' end
            ] as of_month,
            array[
                extract(dow from day)::text,
                extract(dow from day) || '#' || (extract(day from day)::integer + 6) / 7,
                case when day > l.last_day - 7 then extract(dow from day) || 'L' end
            ] as of_week
        from (
            select (pg_catalog.date_trunc('month', day::timestamp) + interval '1 month - 1 day')::date as last_day
        ) as l
    ) as d;
$$;

comment on function jobs.matches_day(date, text[], smallint[], text[], boolean) is
'Whether a schedule''s day fields, null for every value, have this local date.';

create or replace function jobs.local_times(job jobs.jobs, after timestamptz, until timestamptz)
returns table (local_time timestamp, offset_before interval, offset_after interval)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with bounds as (
        -- One day on either side, since the zone's clock may change within the span.
        select
            min(d.near at time zone job.zone - d.distance) as first_time,
            max(d.near at time zone job.zone - d.distance) filter (where d.of_end) as last_time
        from (
            select e.at + n.distance as near, n.distance, e.of_end
            from (values (after, false), (until, true)) as e (at, of_end)
            cross join (values (interval '-1 day'), ('0'), ('1 day')) as n (distance)
        ) as d
    ),

    days as (
        select
            d.day,
            jobs.zone_offset(d.day at time zone 'UTC' - interval '15 hours', job.zone) as offset_before,
            jobs.zone_offset(d.day at time zone 'UTC' + interval '37 hours', job.zone) as offset_after
        from bounds as b
        cross join lateral pg_catalog.generate_series(
            pg_catalog.date_trunc('day', b.first_time), b.last_time, interval '1 day'
        ) as d (day)
        where jobs.matches_day(d.day::date, job.days_of_month, job.months, job.days_of_week, job.either_day)
    )

    select d.day + t.time_of_day, d.offset_before, d.offset_after
    from bounds as b
    cross join days as d
    cross join lateral (
        select pg_catalog.make_interval(hours => h.hour, mins => m.minute) as time_of_day
        from pg_catalog.unnest(job.hours) as h (hour)
        cross join pg_catalog.unnest(job.minutes) as m (minute)
    ) as t
    where d.day + t.time_of_day between b.first_time and b.last_time;
$$;

comment on function jobs.local_times(jobs.jobs, timestamptz, timestamptz) is
e'The local times that a schedule names, at least all of those between two moments.\n\n'
'With each, how far the zone''s clock is ahead of GMT before and after its day.';

create or replace function jobs.zone_offset(at timestamptz, zone text)
returns interval
language sql
stable
parallel safe
return at at time zone zone - at at time zone 'UTC';

comment on function jobs.zone_offset(timestamptz, text) is 'How far a zone''s clock is ahead of GMT at a moment.';

create or replace function jobs.instants(
    local_time timestamp, offset_before interval, offset_after interval, zone text, elapsed boolean
)
returns setof timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
rows 1
as $$
declare
    v_gmt timestamptz := instants.local_time at time zone 'UTC';
    v_first timestamptz := v_gmt - greatest(instants.offset_before, instants.offset_after);
    v_second timestamptz := v_gmt - least(instants.offset_before, instants.offset_after);
    v_shown boolean := v_first at time zone instants.zone = instants.local_time;
begin
    if v_shown then
        return next v_first;
    end if;
    if v_first = v_second then
        return;
    end if;
    if v_second at time zone instants.zone = instants.local_time then
        -- The clock was put back and shows the time twice: a fixed time is the first of the two.
        if instants.elapsed or not v_shown then
            return next v_second;
        end if;
    elsif not v_shown and not instants.elapsed then
        -- The clock was put forward and skipped the time: a fixed time is the first moment after that.
        return query
        select min(m.minute)
        from pg_catalog.generate_series(v_first, v_second, interval '1 minute') as m (minute)
        where jobs.zone_offset(m.minute, instants.zone) = instants.offset_after;
    end if;
end;
$$;

comment on function jobs.instants(timestamp, interval, interval, text, boolean) is
e'The instants at which a local time of a schedule comes.\n\n'
'The offsets are the zone''s before and after the day. elapsed: every instant at which the clock shows the time, none '
'when it is skipped. Else it comes once: at the first instant, or at the end of the jump that skipped it.';

create or replace function jobs.slots_between(job_name text, after timestamptz, until timestamptz)
returns setof timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.jobs;
begin
    select * into v_job
    from jobs.jobs as j
    where j.job_name = slots_between.job_name and j.removed_at is null;
    if not found then
        perform core.raise('job_not_found', pg_catalog.jsonb_build_object('job', slots_between.job_name));
    end if;
    return query
    select distinct s.slot_at
    from jobs.local_times(v_job, slots_between.after, slots_between.until) as t
    cross join lateral jobs.instants(
        t.local_time, t.offset_before, t.offset_after, v_job.zone, v_job.elapsed
    ) as s (slot_at)
    where s.slot_at > slots_between.after and s.slot_at <= slots_between.until
    order by s.slot_at;
end;
$$;

comment on function jobs.slots_between(text, timestamptz, timestamptz) is
e'The scheduled moments of a job after the first and up to the second moment.\n\n'
'Errors: job_not_found.';

create or replace function jobs.latest_slot(job_name text, until timestamptz)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_slot timestamptz;
    v_span interval;
begin
    foreach v_span in array jobs.search_spans()
    loop
        select pg_catalog.max(s) into v_slot
        from jobs.slots_between(latest_slot.job_name, latest_slot.until - v_span, latest_slot.until) as s;
        exit when v_slot is not null;
    end loop;
    return v_slot;
end;
$$;

comment on function jobs.latest_slot(text, timestamptz) is
e'The last scheduled moment of a job that is not after the given one.\n\n'
'Null when it has none in fifty years. Errors: job_not_found.';

create or replace function jobs.next_slot(job_name text, after timestamptz)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_slot timestamptz;
    v_span interval;
begin
    foreach v_span in array jobs.search_spans()
    loop
        select pg_catalog.min(s) into v_slot
        from jobs.slots_between(next_slot.job_name, next_slot.after, next_slot.after + v_span) as s;
        exit when v_slot is not null;
    end loop;
    return v_slot;
end;
$$;

comment on function jobs.next_slot(text, timestamptz) is
e'The first scheduled moment of a job after the given one.\n\n'
'Null when it has none in fifty years. Errors: job_not_found.';

create or replace function jobs.search_spans()
returns interval[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
-- Most jobs have a slot within the hour or day. 29 February comes back within eight years, and on a
-- given weekday within forty.
return array['1 hour', '1 day', '8 days', '32 days', '366 days', '2930 days', '50 years']::interval[];

comment on function jobs.search_spans() is 'How far to look for a slot, step by step.';

create or replace function jobs.next_slots(job_name text, n integer default 1)
returns setof timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_after timestamptz := core.now();
    v_until timestamptz;
    v_span interval;
    v_wanted integer := least(greatest(coalesce(next_slots.n, 1), 0), 1000);
    v_found integer;
begin
    foreach v_span in array jobs.search_spans()
    loop
        v_until := core.now() + v_span;
        return query
        select s.slot_at
        from jobs.slots_between(next_slots.job_name, v_after, v_until) as s (slot_at)
        order by s.slot_at
        limit v_wanted;
        get diagnostics v_found = row_count;
        v_wanted := v_wanted - v_found;
        exit when v_wanted = 0;
        v_after := v_until;
    end loop;
end;
$$;

comment on function jobs.next_slots(text, integer) is
e'The next n scheduled moments of a job, at most 1,000.\n\n'
'It looks fifty years ahead at most. Errors: job_not_found.';
