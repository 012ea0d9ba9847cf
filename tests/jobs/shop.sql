-- Business functions of the tests' own, for jobs to run.
create schema shop;

create table shop.effects (
    effect_id bigint generated always as identity primary key,
    caused_by text not null,
    made_at timestamptz not null default clock_timestamp()
);

create function shop.work()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into shop.effects (caused_by) values ('work');
    return '{"processed": 1}';
end;
$$;

create function shop.fail()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into shop.effects (caused_by) values ('fail');
    perform core.raise('setting_invalid', '{"minimum": 3}');
    return '{}';
end;
$$;

create function shop.fail_the_first_time()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into shop.effects (caused_by) values ('fail_the_first_time');
    if (select count(*) from jobs.attempts) = 1 then
        raise exception 'not yet';
    end if;
    return '{"processed": 2}';
end;
$$;

create function shop.assert_wrongly()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into shop.effects (caused_by) values ('assert_wrongly');
    assert false, 'one is not two';
    return '{}';
end;
$$;

create function shop.work_slowly()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into shop.effects (caused_by) values ('work_slowly');
    perform pg_catalog.pg_sleep_for(coalesce(
        (select s.duration from shop.slowness as s), interval '1 minute'
    ));
    return '{"processed": 1}';
end;
$$;

create table shop.slowness (duration interval);

create function shop.boast()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into shop.effects (caused_by) values ('boast');
    return '{"processed": 1e30}';
end;
$$;

create function shop.who()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return pg_catalog.jsonb_build_object('session', session_user, 'acts_as', current_user);
end;
$$;

create table shop.firings (
    fired_at timestamptz not null default clock_timestamp(),
    logged_in_as text not null default session_user
);

create function shop.fire()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into shop.firings default values;
    return '{"processed": 1}';
end;
$$;

create table shop.pile (item_id bigint generated always as identity primary key, done_by_slot timestamptz);

create function shop.work_off(slot timestamptz, batch_limit integer)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_done integer;
begin
    update shop.pile as p
    set done_by_slot = slot
    where p.item_id in (
        select i.item_id
        from shop.pile as i
        where i.done_by_slot is null
        order by i.item_id
        limit batch_limit
    );
    get diagnostics v_done = row_count;
    return pg_catalog.jsonb_build_object(
        'processed', v_done,
        'more', exists (select from shop.pile as i where i.done_by_slot is null)
    );
end;
$$;

-- The same, as slowly as stands in slowness.
create function shop.work_off_slowly(slot timestamptz, batch_limit integer)
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform pg_catalog.pg_sleep_for((select s.duration from shop.slowness as s));
    return shop.work_off(slot, batch_limit);
end;
$$;

create table shop.faults (
    fault_id bigint generated always as identity primary key,
    sqlstate text not null,
    times integer not null
);

-- Fails with what stands in faults, as often as it stands there. What failed rolled its own count back:
-- attempts are counted instead.
create function shop.stumble()
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
declare
    v_fault shop.faults;
begin
    select f.* into v_fault
    from shop.faults as f
    where f.times >= (select count(*) from jobs.attempts as a where a.status <> 'succeeded')
    limit 1;
    if found then
        raise exception 'stumbled' using errcode = v_fault.sqlstate;
    end if;
    insert into shop.effects (caused_by) values ('stumble');
    return '{"processed": 1}';
end;
$$;

create function shop.wait_for_a_lock()
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
    lock table shop.slowness in access exclusive mode;
    return '{}';
end;
$$;

create function shop.compute()
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
    return pg_catalog.jsonb_build_object('processed', (
        select count(*)
        from pg_catalog.generate_series(1, 1000000) as a
        cross join pg_catalog.generate_series(1, 1000000) as b
    ));
end;
$$;

create function shop.ignore_being_cancelled()
returns jsonb
language plpgsql
volatile
set search_path = ''
as $$
begin
    loop
        begin
            perform pg_catalog.pg_sleep(60);
        exception
            when query_canceled then null;
        end;
    end loop;
end;
$$;

select core.revoke_public_execute('shop');
