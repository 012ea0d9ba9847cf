-- Daily partitions of messages and their attempts: made ahead by a job, and by the first use of a day.
create or replace function outbox.ensure_day(day date)
returns integer
language plpgsql
volatile
-- A partition is the owner's, whoever needs it first.
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.ensure_day('outbox.messages', ensure_day.day)::integer
        + core.ensure_day('outbox.attempts', ensure_day.day)::integer;
end;
$$;

comment on function outbox.ensure_day(date) is
'Makes the missing partitions of a day''s messages and attempts, and returns how many it made.';

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
    from pg_catalog.generate_series(0, 9) as d (days);
    return pg_catalog.jsonb_build_object('processed', v_made);
end;
$$;

comment on function outbox.make_partitions() is
e'Job: makes the daily partitions of messages and attempts nine days ahead.\n\n'
'Returns processed: how many partitions were made.';
