-- Business functions that are seen by when they ran: a short one, an endless one, a chatty one, slices.
create schema town;

create table town.steps (
    what text not null,
    slot_at timestamptz,
    server_process integer not null default pg_backend_pid(),
    at timestamptz not null default clock_timestamp()
);

create function town.strike(slot timestamptz)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into town.steps (what, slot_at) values ('strike', slot);
    return '{"processed": 1}';
end;
$$;

create function town.sleep_on()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into town.steps (what) values ('sleep_on');
    perform pg_sleep(3600);
    return '{}';
end;
$$;

-- Fifty seconds, five thousand notices.
create function town.chat()
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    for v_number in 1 .. 5000 loop
        raise notice 'notice % of five thousand', v_number;
        perform pg_sleep(0.01);
    end loop;
    return '{"processed": 5000}';
end;
$$;

-- A slice of two seconds; forty of them.
create function town.dig(slot timestamptz)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_done integer;
begin
    insert into town.steps (what, slot_at) values ('dig', slot);
    perform pg_sleep(2);
    select count(*) into v_done
    from town.steps as s
    where s.what = 'dig';
    return jsonb_build_object('processed', 1, 'more', v_done < 40);
end;
$$;

-- Sleeps for a while at its first attempt, so that somebody can end it; what it did then is rolled back.
create function town.carry(slot timestamptz)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into town.steps (what, slot_at) values ('carry', slot);
    if (
        select r.attempts from jobs.runs as r where r.job_name = 'carry' and r.slot_at = carry.slot
    ) = 1 then
        perform pg_sleep(40);
    end if;
    return '{"processed": 1}';
end;
$$;

select core.revoke_public_execute('town');
