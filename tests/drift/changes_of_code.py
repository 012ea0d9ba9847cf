"""Hand-made changes of routines, views, triggers, types."""

from __future__ import annotations

from tests.drift.changes import PATH, change

ROUTINES = [
    change(
        "a function more",
        "create function luckywalk.mine() returns integer language sql return 1",
        "luckywalk: function luckywalk.mine() is not declared",
    ),
    change(
        "a function less",
        "drop function luckywalk.redeem_banked_claims(integer)",
        "luckywalk: function luckywalk.redeem_banked_claims(integer) is missing",
    ),
    change(
        "an overload",
        "create function luckywalk.create_new_round(integer) returns integer language sql return 1",
        "luckywalk: function luckywalk.create_new_round(integer) is not declared",
    ),
    change(
        "an RPC that no line put there",
        "create function api.mine() returns integer language sql return 1",
        "api: function api.mine() is not declared",
    ),
    change(
        "a body",
        "create or replace function luckywalk.refuse_ticket_change() returns trigger language plpgsql"
        f" volatile {PATH} as $$ begin return null; end $$",
        "luckywalk: function luckywalk.refuse_ticket_change(): body: declared * live *",
    ),
    change(
        "a body of standard SQL",
        "create or replace function luckywalk.round_no_of_day(day date) returns integer language sql"
        " immutable parallel safe return 7",
        "luckywalk: function luckywalk.round_no_of_day(date): body: declared RETURN * live RETURN 7",
    ),
    change(
        "a procedure's body",
        "create or replace procedure jobs.run(in job_name text) language plpgsql as $$ begin end $$",
        "jobs: procedure jobs.run(text): body: *",
    ),
    change(
        "volatility",
        "alter function core.require_user() volatile",
        "core: function core.require_user(): volatility: declared stable, live volatile",
    ),
    change(
        "security definer",
        "alter function luckywalk.seal_round(integer) security definer",
        "luckywalk: function luckywalk.seal_round(integer): security: declared none, live security definer",
    ),
    change(
        "security invoker",
        "alter function core.secret(text) security invoker",
        "core: function core.secret(text): security: declared security definer, live none",
    ),
    change(
        "strictness",
        "alter function core.require_user() strict",
        "core: function core.require_user(): strict: declared none, live strict",
    ),
    change(
        "parallel safety",
        "alter function luckywalk.round_no_of_day(date) parallel unsafe",
        "luckywalk: function luckywalk.round_no_of_day(date): parallel: declared parallel safe, live none",
    ),
    change(
        "leakproofness",
        "alter function core.require_user() leakproof",
        "core: function core.require_user(): leakproof: declared none, live leakproof",
    ),
    change(
        "cost",
        "alter function core.require_user() cost 10000",
        "core: function core.require_user(): cost: declared 100, live 10000",
    ),
    change(
        "rows",
        "alter function luckywalk.claim_steps(integer, integer[]) rows 5",
        "luckywalk: function luckywalk.claim_steps(integer,integer[]): rows: declared 1000, live 5",
    ),
    change(
        "a search_path",
        "alter function luckywalk.create_new_round() reset search_path",
        "luckywalk: function luckywalk.create_new_round(): setting search_path: declared * live none",
    ),
    change(
        "another search_path",
        "alter function luckywalk.create_new_round() set search_path = public, pg_temp",
        "luckywalk: function luckywalk.create_new_round(): setting search_path: declared *"
        " live public, pg_temp",
    ),
    change(
        "a setting of a function",
        "alter function luckywalk.create_new_round() set work_mem = '1GB'",
        "luckywalk: function luckywalk.create_new_round(): setting work_mem: declared none, live 1GB",
    ),
    change(
        "a function's owner",
        "alter function luckywalk.planned_round(integer) owner to dotbase_cron",
        "luckywalk: function luckywalk.planned_round(integer): owner: declared dotbase_owner,"
        " live dotbase_cron",
    ),
    change(
        "an argument's name",
        "drop function luckywalk.redeem_banked_claims(integer); create function"
        " luckywalk.redeem_banked_claims(number integer) returns void"
        f" language sql volatile {PATH} as $$ select $$;"
        "alter function luckywalk.redeem_banked_claims(integer) owner to dotbase_owner;"
        "comment on function luckywalk.redeem_banked_claims(integer) is 'x';"
        "revoke all on function luckywalk.redeem_banked_claims(integer) from public",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): arguments: declared round_no integer,"
        " live number integer",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): body: *",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): comment: *",
        fixes=False,
    ),
    change(
        "an argument's default",
        "create or replace function luckywalk.redeem_banked_claims(round_no integer default 7) returns void"
        f" language sql volatile {PATH} as $$ select $$",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): arguments: declared round_no integer,"
        " live round_no integer DEFAULT 7",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): body: *",
        fixes=False,
    ),
    change(
        "a return type",
        "drop function luckywalk.redeem_banked_claims(integer); create function"
        " luckywalk.redeem_banked_claims(round_no integer) returns integer"
        f" language sql volatile {PATH} as $$ select 1 $$;"
        "alter function luckywalk.redeem_banked_claims(integer) owner to dotbase_owner;"
        "revoke all on function luckywalk.redeem_banked_claims(integer) from public",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): body: *",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): comment: *",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): returns: declared void, live integer",
        fixes=False,
    ),
    change(
        "a language",
        "create or replace function luckywalk.redeem_banked_claims(round_no integer) returns void"
        f" language plpgsql volatile {PATH} as $$ begin end $$",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): body: *",
        "luckywalk: function luckywalk.redeem_banked_claims(integer): language: declared sql, live plpgsql",
    ),
    change(
        "a comment on a function",
        "comment on function core.now() is 'x'",
        "core: function core.now(): comment: declared * live x",
    ),
    change(
        "an aggregate",
        "create aggregate core.product(bigint) (sfunc = int8mul, stype = bigint)",
        "core: aggregate core.product(bigint) is not declared",
    ),
    change(
        "an operator",
        "create operator core.=== (function = int4eq, leftarg = int, rightarg = int)",
        "core: operator core.===(integer,integer) is not declared",
    ),
    change(
        "a cast",
        "create cast (api.settings as text) with inout as implicit",
        "database: cast (api.settings AS pg_catalog.text) is not declared",
    ),
    change(
        "a collation",
        'create collation core.plain from "C"',
        "core: collation core.plain is not declared",
    ),
]

VIEWS = [
    change(
        "a view more",
        "create view api.everybody as select * from luckywalk.user_profiles",
        "api: view api.everybody is not declared",
    ),
    change(
        "a view's definition",
        "create or replace view api.round_tiers with (security_invoker = true) as"
        " select t.round_no, t.tier, t.winners_count, t.prize_each * 2 as prize_each, t.remainder"
        " from luckywalk.round_tiers as t",
        "luckywalk: view api.round_tiers: definition: declared *prize_each*, live *prize_each * 2*",
    ),
    change(
        "a view's columns",
        "create or replace view api.round_tiers with (security_invoker = true) as"
        " select t.round_no, t.tier, t.winners_count, t.prize_each, t.remainder, true as x"
        " from luckywalk.round_tiers as t",
        "luckywalk: view api.round_tiers: definition: declared * live *",
        fixes=False,
    ),
    change(
        "a view less",
        "drop view api.round_tiers",
        "luckywalk: view api.round_tiers is missing",
    ),
    change(
        "a view that reads as its owner",
        "alter view api.rounds reset (security_invoker)",
        "luckywalk: view api.rounds: option security_invoker: declared true, live none",
    ),
    change(
        "a view's options",
        "alter view api.rounds set (security_barrier = on)",
        "luckywalk: view api.rounds: option security_barrier: declared none, live true",
    ),
    change(
        "a view's owner",
        "alter view api.rounds owner to postgres",
        "luckywalk: view api.rounds: owner: declared dotbase_owner, live (superuser)",
    ),
    change(
        "a comment on a view's column",
        "comment on column api.rounds.status is 'x'",
        "luckywalk: view api.rounds: comment on column status: declared none, live x",
    ),
    change(
        "a materialized view",
        "create materialized view luckywalk.cached as select * from luckywalk.rounds",
        "luckywalk: materialized view luckywalk.cached is not declared",
    ),
    change(
        "a trigger more",
        "create trigger mine before update on luckywalk.user_profiles for each row"
        " execute function luckywalk.refuse_ticket_change()",
        "luckywalk: trigger mine on luckywalk.user_profiles is not declared",
    ),
    change(
        "a trigger less",
        "drop trigger transfers_are_immutable on ledger.transfers",
        "ledger: trigger transfers_are_immutable on ledger.transfers is missing",
    ),
    change(
        "a trigger that is disabled",
        "alter table ledger.transfers disable trigger transfers_are_immutable",
        "ledger: trigger transfers_are_immutable on ledger.transfers: enabled: declared none, live disabled",
    ),
    change(
        "a trigger's moment",
        "create or replace trigger transfers_are_immutable before update on ledger.transfers"
        " for each statement execute function ledger.refuse_change()",
        "ledger: trigger transfers_are_immutable on ledger.transfers: definition: declared * live *",
    ),
    change(
        "a trigger's name",
        "alter trigger transfers_are_immutable on ledger.transfers rename to immutable",
        "ledger: trigger transfers_are_immutable on ledger.transfers is called immutable",
    ),
    change(
        "a rule",
        "create rule nothing as on insert to luckywalk.user_profiles do instead nothing",
        "luckywalk: rule nothing on luckywalk.user_profiles is not declared",
    ),
    change(
        "a type more",
        "create type core.mood as enum ('good', 'bad')",
        "core: type core.mood is not declared",
    ),
    change(
        "a domain more",
        "create domain core.percent as integer check (value between 0 and 100)",
        "core: type core.percent is not declared",
    ),
    change(
        "a type's attributes",
        "alter type api.settings add attribute x integer cascade",
        "api: type api.settings: definition: declared * live *",
        fixes=False,
    ),
    change(
        "a type's owner",
        "alter type api.settings owner to postgres",
        "api: type api.settings: owner: declared dotbase_owner, live (superuser)",
    ),
]
