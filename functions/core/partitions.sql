-- Partitions: made apart and attached, since attaching does not stop the readers and writers of other partitions.
-- Those of months and days are made ahead by a job, and by the first use where the job is late.
-- Locks: whoever makes a partition holds a lock under which nobody else makes the same one (locks.sql: month, round).
-- For a partition that is filled before it is attached: what comes from the parent is in one place for all.
create or replace function core.create_detached_partition(parent regclass, name text)
returns regclass
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_schema name;
    v_partition regclass;
begin
    select n.nspname into strict v_schema
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = create_detached_partition.parent;
    execute pg_catalog.format(
        'create table %I.%I (like %s including defaults including constraints)',
        v_schema, create_detached_partition.name, create_detached_partition.parent
    );
    v_partition := pg_catalog.format('%I.%I', v_schema, create_detached_partition.name);
    perform core.deny_direct_access(v_partition);
    return v_partition;
end;
$$;

comment on function core.create_detached_partition(regclass, text) is
e'Makes the table of a partition beside its parent, closed and not yet attached.\n\n'
'It has the defaults and checks of the parent; keys and indexes come with attaching.\n\n'
'Errors: 42P07 when the schema has something of this name.';

create or replace function core.copy_statement_triggers(parent regclass, partition regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
-- A trigger's definition is the server's own text, with the quotes that its names need.
-- @plpgsql_check_options: security_warnings = off
declare
    v_definition text;
begin
    for v_definition in
        select pg_catalog.pg_get_triggerdef(t.oid)
        from pg_catalog.pg_trigger as t
        -- The first bit of tgtype: for each row. Those come with attaching.
        where t.tgrelid = copy_statement_triggers.parent and not t.tgisinternal and t.tgtype & 1 = 0
        order by t.tgname
    loop
        execute pg_catalog.regexp_replace(
            pg_catalog.replace(
                v_definition,
                pg_catalog.format(' ON %s ', copy_statement_triggers.parent),
                pg_catalog.format(' ON %s ', copy_statement_triggers.partition)
            ),
            '^CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER'
        );
    end loop;
end;
$$;

comment on function core.copy_statement_triggers(regclass, regclass) is
e'Gives a partition the triggers that its parent has for each statement.\n\n'
'Such a trigger fires for the table that a statement names, the parent or the partition. attach_partition calls this.';

create or replace function core.copy_statement_triggers_to_partitions(parent regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.copy_statement_triggers(copy_statement_triggers_to_partitions.parent, p.relid)
    from pg_catalog.pg_partition_tree(copy_statement_triggers_to_partitions.parent) as p
    where p.level > 0;
end;
$$;

comment on function core.copy_statement_triggers_to_partitions(regclass) is
e'Gives all partitions that there are the triggers that their parent has for each statement.\n\n'
'For the file that makes such a trigger; later partitions get it when they are attached.';

create or replace function core.attach_partition(parent regclass, partition regclass, bounds text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
-- The bounds are a statement's text: only the owner's own functions give any.
-- @plpgsql_check_options: security_warnings = off
begin
    execute pg_catalog.format(
        'alter table %s attach partition %s for values %s',
        attach_partition.parent, attach_partition.partition, attach_partition.bounds
    );
    perform core.copy_statement_triggers(attach_partition.parent, attach_partition.partition);
end;
$$;

comment on function core.attach_partition(regclass, regclass, text) is
e'Attaches a table to its parent as the partition of these bounds, with its statement triggers.\n\n'
'bounds: what follows `for values`, with its literals quoted, as in: in (7).';

create or replace function core.create_partition(parent regclass, name text, bounds text)
returns regclass
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_partition regclass;
begin
    -- Asked of the table: who waited for a lock until now may have another answer in the cache of to_regclass.
    if exists (
        select
        from pg_catalog.pg_class as p
        inner join pg_catalog.pg_class as c on c.relnamespace = p.relnamespace
        where p.oid = create_partition.parent and c.relname = create_partition.name
    ) then
        return null;
    end if;
    v_partition := core.create_detached_partition(create_partition.parent, create_partition.name);
    perform core.attach_partition(create_partition.parent, v_partition, create_partition.bounds);
    return v_partition;
end;
$$;

comment on function core.create_partition(regclass, text, text) is
e'Makes a partition, closed and attached, and returns it; null when there is one of this name.\n\n'
'bounds: what follows `for values`, with its literals quoted, as in: in (7). The caller holds a lock under which '
'nobody else makes the same partition.\n\n'
'Errors: 42P07 when two make the same one without that lock.';

create or replace function core.ensure_range(parent regclass, suffix text, first date, after date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text := ensure_range.parent::text;
    v_parent name;
begin
    -- Nearly always it is there, and every claim asks: no lock, no look at a table.
    if pg_catalog.to_regclass(
        case when pg_catalog.right(v_name, 1) = '"' then pg_catalog.left(v_name, -1) || ensure_range.suffix || '"'
            else v_name || ensure_range.suffix
        end
    ) is not null then
        return false;
    end if;
    perform pg_catalog.pg_advisory_xact_lock(core.month_locks(), 0);
    select c.relname into strict v_parent
    from pg_catalog.pg_class as c
    where c.oid = ensure_range.parent;
    return core.create_partition(
        ensure_range.parent,
        v_parent || ensure_range.suffix,
        pg_catalog.format('from (%L) to (%L)', ensure_range.first, ensure_range.after)
    ) is not null;
end;
$$;

comment on function core.ensure_range(regclass, text, date, date) is
e'Makes the partition from a day up to another where it is missing; true when it made it.\n\n'
'For tables that are partitioned by range of a date or timestamp; the partition is called by the table''s name and the '
'suffix. Sessions that need the same one make it once: the others wait until the first has committed.';

create or replace function core.ensure_month(parent regclass, day date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_first date := pg_catalog.date_trunc('month', ensure_month.day::timestamp)::date;
begin
    return core.ensure_range(
        ensure_month.parent, pg_catalog.to_char(ensure_month.day, '_YYYY_MM'), v_first,
        (v_first + interval '1 month')::date
    );
end;
$$;

comment on function core.ensure_month(regclass, date) is
e'Makes the partition of a day''s month where it is missing; true when it made it.\n\n'
'For tables that are partitioned by range of a date or timestamp; the partition is called <table>_YYYY_MM.';

create or replace function core.ensure_day(parent regclass, day date)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.ensure_range(
        ensure_day.parent, pg_catalog.to_char(ensure_day.day, '_YYYY_MM_DD'), ensure_day.day, ensure_day.day + 1
    );
end;
$$;

comment on function core.ensure_day(regclass, date) is
e'Makes the partition of a day where it is missing; true when it made it.\n\n'
'For tables that are partitioned by range of a date or timestamp; the partition is called <table>_YYYY_MM_DD.';
