-- Partitions made ahead: of the tables that grow by day those of this month and the next two, of tickets those of this
-- week's round and the next two. Not of results_user, whose partition the draw makes (draw.sql).
--
-- Lock order: rounds (luckywalk.lock_round, exclusive, lower ones first), then months; each only where its partition is
-- missing.
-- needs: rounds
create or replace function luckywalk.make_partitions()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rounds integer := 0;
    v_months integer;
    v_round_no integer := luckywalk.round_no_of_day(core.business_day());
begin
    for v_ahead in 0..2
    loop
        v_rounds := v_rounds + luckywalk.ensure_round_partition(v_round_no + v_ahead)::integer;
    end loop;
    select pg_catalog.count(*) filter (where core.ensure_month(t.parent, core.business_day() + m.days))
    into v_months
    from (values
        ('luckywalk.daily_progress'::regclass), ('luckywalk.claims'::regclass)
    ) as t (parent)
    cross join (values (0), (31), (62)) as m (days);
    return pg_catalog.jsonb_build_object('processed', v_rounds + v_months);
end;
$$;

comment on function luckywalk.make_partitions() is
e'Job: makes the partitions of steps and claims two months ahead, those of tickets two weeks.\n\n'
'Returns processed: how many partitions were made.';
