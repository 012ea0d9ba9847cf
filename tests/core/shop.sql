-- A small app of the tests' own, to see what core does for an app.
create schema shop;

create function shop.fail(
    state text, says text default 'no', detail text default '', violated text default '', of_app text default ''
)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = fail.state, message = fail.says, detail = fail.detail, constraint = fail.violated,
        schema = fail.of_app;
end;
$$;

create function shop.fail_by_name(name text, details jsonb default '{}')
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.raise(fail_by_name.name, fail_by_name.details);
    return 'not refused';
end;
$$;

create function shop.fail_assertion()
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    assert false, 'the assertion names internals';
    return 'not refused';
end;
$$;

create function shop.divide(by integer)
returns integer
language sql
immutable
set search_path = pg_catalog, pg_temp
return 1 / divide.by;

create function shop.sleep(seconds double precision)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
return pg_catalog.pg_sleep(sleep.seconds);

create function shop.read_secret(name text)
returns integer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pg_catalog.length(core.secret(read_secret.name));
end;
$$;

create function shop.who()
returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.require_user();
end;
$$;

create function shop.who_administers()
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return core.require_administrator();
end;
$$;

comment on function shop.who() is 'Who is calling.';

select core.revoke_public_execute('shop');

select core.build_wrappers('shop', '{
    "fail": ["anon", "authenticated"],
    "fail_by_name": ["anon", "authenticated"],
    "fail_assertion": ["authenticated"],
    "divide": ["authenticated"],
    "sleep": ["authenticated"],
    "read_secret": ["authenticated"],
    "who": ["anon", "authenticated", "service_role"],
    "who_administers": ["anon", "authenticated", "service_role"]
}');
