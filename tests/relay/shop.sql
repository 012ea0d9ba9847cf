-- A small app that sends: its result function keeps what it is told, each message once.
create schema shop;

create table shop.results (
    message_id bigint primary key,
    lane text not null,
    message_key text not null,
    outcome text not null,
    status integer,
    error text,
    headers jsonb,
    body bytea
);

create function shop.take_results(results outbox.result[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    insert into shop.results
    select r.message_id, r.lane, r.message_key, r.outcome, r.status, r.error, r.headers, r.body
    from unnest(take_results.results) as r;
$$;
