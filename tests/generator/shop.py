"""A small app on the core, for tests of what is found out against a database: tables, an RPC, a view."""

from __future__ import annotations

from pathlib import Path

from tests.generator.small import with_core, write

POLICIES = """tables:
  carts:
    - {role: authenticated, command: select, rows: own, columns: [cart_id]}
  moves: []
views:
  shelves: [anon]
functions:
  sweep: [cron]
rpcs:
  buy: [authenticated]
"""

SCHEMA = """create schema shop;

create table shop.carts (
    cart_id bigint primary key,
    user_id uuid not null
);

create table shop.moves (
    cart_id bigint not null,
    moved_on date not null
) partition by range (moved_on);

create table shop.moves_rest partition of shop.moves default;
"""

ROUTINES = """create or replace function shop.buy(cart_id bigint) returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select c.cart_id from shop.carts as c where c.cart_id = buy.cart_id;
end
$$;

create or replace function shop.sweep() returns jsonb
language sql
set search_path = pg_catalog, pg_temp
as $$ select '{}'::jsonb $$;

create or replace view api.shelves
with (security_invoker = true) as
select c.cart_id
from shop.carts as c;
"""


def make_shop(root: Path) -> Path:
    """A project of the core and the shop."""
    with_core(root)
    write(
        root,
        "apps.yaml",
        'zone: Asia/Seoul\napps:\n  core: {needs: [], about: "a"}\n  shop: {needs: [core], about: "b"}\n',
    )
    write(root, "schema/shop/0002_shop.sql", SCHEMA)
    write(root, "schema/shop/0002_shop.rollback.sql", "drop schema shop cascade;\n")
    write(root, "functions/shop/carts.sql", ROUTINES)
    write(root, "policies/shop.yaml", POLICIES)
    return root
