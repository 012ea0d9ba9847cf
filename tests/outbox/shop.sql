-- A small app that sends: what its result functions were told, and ways to fail.
create schema shop;

create table shop.told (
    told_no bigint generated always as identity primary key,
    message_id bigint not null,
    message_key text not null,
    user_id uuid,
    outcome text not null,
    status integer,
    error text,
    headers jsonb,
    body bytea,
    batch integer not null
);

create table shop.faults (
    message_key text primary key,
    kind text not null
);

create table shop.parents (parent_id bigint primary key);

create table shop.children (
    parent_id bigint constraint children_parent_id_fkey references shop.parents deferrable initially deferred
);

create function shop.take_results(results outbox.result[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kind text;
begin
    insert into shop.told (message_id, message_key, user_id, outcome, status, error, headers, body, batch)
    select r.message_id, r.message_key, r.user_id, r.outcome, r.status, r.error, r.headers, r.body, cardinality(results)
    from unnest(results) as r;
    for v_kind in
        select f.kind
        from shop.faults as f
        inner join unnest(results) as r on r.message_key = f.message_key
        order by r.message_id
    loop
        case v_kind
            when 'raise' then raise exception 'the shop is closed';
            when 'assert' then assert false, 'wrong';
            when 'defer' then insert into shop.children values (404);
            when 'family' then
                -- Right only while its constraint is deferred.
                insert into shop.children values (1);
                insert into shop.parents values (1) on conflict do nothing;
            when 'hang' then perform pg_sleep(30);
            when 'enqueue' then
                perform outbox.enqueue('letters', 'answer to ' || r.message_key, 'api.example.com', r.body)
                from unnest(results) as r;
        end case;
    end loop;
end;
$$;
