-- Two apps whose constraints have one name, and orders in partitions whose constraints have names of their own.
create schema till;

create schema shed;

create table till.goods (price integer not null constraint price_is_positive check (price > 0));

create table shed.goods (price integer not null constraint price_is_positive check (price > 0));

create table shed.tools (price integer not null constraint tools_price_is_positive check (price > 0));

create table till.customers (customer_id integer not null constraint customers_pkey primary key);

create table till.orders (
    order_id integer not null,
    year integer not null,
    customer_id integer not null,
    amount integer not null,
    constraint orders_pkey primary key (order_id, year),
    constraint orders_customer_id_fkey foreign key (customer_id) references till.customers (customer_id),
    constraint orders_amount_is_positive check (amount > 0)
) partition by list (year);

-- Attached with constraints that it had before; in another app's schema, and with a partition of its own.
create table shed.old_orders (
    order_id integer not null,
    year integer not null,
    customer_id integer not null,
    amount integer not null,
    constraint kept_key primary key (order_id, year),
    constraint kept_reference foreign key (customer_id) references till.customers (customer_id),
    constraint orders_amount_is_positive check (amount > 0),
    constraint old_orders_amount_is_small check (amount < 1000)
) partition by list (year);

create table shed.older_orders (
    order_id integer not null,
    year integer not null,
    customer_id integer not null,
    amount integer not null,
    constraint oldest_key primary key (order_id, year),
    constraint oldest_reference foreign key (customer_id) references till.customers (customer_id),
    constraint orders_amount_is_positive check (amount > 0),
    constraint old_orders_amount_is_small check (amount < 1000)
);

alter table shed.old_orders attach partition shed.older_orders for values in (2024);

alter table till.orders attach partition shed.old_orders for values in (2024);

create table till.orders_2025 partition of till.orders for values in (2025);

insert into till.customers values (1);

insert into till.orders values (1, 2024, 1, 5), (1, 2025, 1, 5);

create domain till.grams as integer constraint grams_not_negative check (value >= 0);

create function till.put(into_table text, given integer[])
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    execute pg_catalog.format(
        'insert into %s values (%s)', put.into_table, pg_catalog.array_to_string(put.given, ', ')
    );
end;
$$;

create function till.weigh(weight integer)
returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return weigh.weight::till.grams;
end;
$$;

select core.revoke_public_execute('till');

select core.build_wrappers('till', '{"put": ["authenticated"], "weigh": ["authenticated"]}');
