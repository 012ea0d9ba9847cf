-- Daily partitions of messages and their attempts: made a week ahead by a job, and by the first use of a day.
create or replace function outbox.ensure_day(day date)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.ensure_day('outbox.messages'::regclass, ensure_day.day)::integer
        + core.ensure_day('outbox.attempts'::regclass, ensure_day.day)::integer;
end;
$$;

comment on function outbox.ensure_day(date) is
'Makes the partitions of a day''s messages and their attempts where they are missing; returns how many it made.';

create or replace function outbox.make_partitions()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_made integer;
begin
    select sum(outbox.ensure_day(core.business_day(core.wall_clock()) + d.days)) into v_made
    from pg_catalog.generate_series(0, 7) as d (days);
    return pg_catalog.jsonb_build_object('processed', v_made);
end;
$$;

comment on function outbox.make_partitions() is
e'Job: makes the daily partitions of messages and attempts a week ahead.\n\n'
'Returns processed: how many partitions were made.';
