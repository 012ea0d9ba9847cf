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

select core.close_routines('shop');
