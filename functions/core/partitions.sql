-- Partitions by month: made ahead by a job, and by the first use of a month where the job was late.
create or replace function core.ensure_month(parent regclass, day date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from date := pg_catalog.date_trunc('month', ensure_month.day::timestamp)::date;
    v_schema text;
    v_parent text;
    v_name text;
begin
    -- Nearly always it is there, and every claim asks; a name that needs quotes takes the way below.
    if pg_catalog.to_regclass(
        ensure_month.parent::text || pg_catalog.to_char(ensure_month.day, '_YYYY_MM')
    ) is not null then
        return false;
    end if;
    select n.nspname, c.relname, c.relname || pg_catalog.to_char(v_from, '"_"YYYY"_"MM')
    into v_schema, v_parent, v_name
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = ensure_month.parent;
    if pg_catalog.to_regclass(pg_catalog.format('%I.%I', v_schema, v_name)) is not null then
        return false;
    end if;
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('core.ensure_month', 0));
    -- Asked of the table: waiting for the lock does not renew the cache in which to_regclass just looked.
    if exists (
        select
        from pg_catalog.pg_class as c
        where c.relnamespace = v_schema::regnamespace and c.relname = v_name
    ) then
        return false;
    end if;
    -- Made apart and attached: attaching does not stop the readers and writers of other months.
    execute pg_catalog.format(
        'create table %1$I.%2$I (like %1$I.%3$I including defaults including constraints)',
        v_schema, v_name, v_parent
    );
    perform core.deny_direct_access(pg_catalog.format('%I.%I', v_schema, v_name)::regclass);
    execute pg_catalog.format(
        'alter table %1$I.%3$I attach partition %1$I.%2$I for values from (%4$L) to (%5$L)',
        v_schema, v_name, v_parent, v_from, (v_from + interval '1 month')::date
    );
    return true;
end;
$$;

comment on function core.ensure_month(regclass, date) is
'Makes the partition of a table that is partitioned by month, when it is not there. True when it made it.';

create or replace function core.deny_direct_access(partition regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    execute pg_catalog.format('alter table %s enable row level security', deny_direct_access.partition);
    execute pg_catalog.format('alter table %s force row level security', deny_direct_access.partition);
    -- Restrictive, so that a policy and a grant made by hand open nothing.
    execute pg_catalog.format(
        'create policy nobody on %s as restrictive for all to anon, authenticated using (false)',
        deny_direct_access.partition
    );
end;
$$;

comment on function core.deny_direct_access(regclass) is
'Row-level security that lets nobody in on a partition: people come through its parent alone.';
