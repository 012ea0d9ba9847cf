-- Monthly partitions of the tables that grow by day: those of this month and the next two are made ahead.
-- Not of tickets, whose partition a round's opening makes (rounds.sql.j2), nor of results_user, whose partition the
-- draw makes (draw.sql).
create or replace function luckywalk.make_partitions()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_made integer;
begin
    select pg_catalog.count(*) filter (where core.ensure_month(t.parent, core.business_day() + m.days))
    into v_made
    from (values
        ('luckywalk.daily_progress'::regclass), ('luckywalk.claims'::regclass)
    ) as t (parent)
    cross join (values (0), (31), (62)) as m (days);
    return pg_catalog.jsonb_build_object('processed', v_made);
end;
$$;

comment on function luckywalk.make_partitions() is
e'Job: makes the monthly partitions of steps and claims two months ahead.\n\n'
'Returns processed: how many partitions were made.';
