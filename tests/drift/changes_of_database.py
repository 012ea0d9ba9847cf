"""Hand-made changes of schemas, extensions, publications, the database, roles."""

from __future__ import annotations

from tests.drift.changes import change

DATABASE = [
    change(
        "a schema more",
        "create schema stray; create table stray.x (y int)",
        "stray: schema stray is not declared",
        fixes=False,
    ),
    change(
        "a schema less",
        "drop schema test_clock cascade",
        "test_clock: schema test_clock is missing",
        fixes=False,
    ),
    change(
        "a schema's owner",
        "alter schema api owner to postgres",
        "api: schema api: owner: declared dotbase_owner, live (superuser)",
    ),
    change(
        "a comment on a schema",
        "comment on schema api is null",
        "api: schema api: comment: declared * live none",
    ),
    change(
        "a table in public",
        "create table public.todo (x int)",
        "public: table public.todo is not declared",
        fixes=False,
    ),
    change(
        "an extension more",
        "create extension citext with schema extensions",
        "database: extension citext is not declared",
        fixes=False,
    ),
    change(
        "an extension's schema",
        "alter extension pgcrypto set schema public",
        "database: extension pgcrypto: schema: declared extensions, live public",
    ),
    change(
        "a publication more",
        "create publication all_out for all tables",
        "database: publication all_out is not declared",
        fixes=False,
    ),
    change(
        "a subscription",
        "create subscription theirs connection 'dbname=nothing' publication p with (connect = false)",
        "database: subscription theirs is not declared",
        fixes=False,
    ),
    change(
        "a foreign server",
        "create foreign data wrapper elsewhere; create server far foreign data wrapper elsewhere",
        "database: foreign data wrapper elsewhere is not declared",
        "database: server far is not declared",
    ),
    change(
        "an event trigger",
        "create function core.on_ddl() returns event_trigger language plpgsql as $$ begin end $$;"
        "create event trigger watch on ddl_command_end execute function core.on_ddl()",
        "core: event trigger watch is not declared",
        "core: function core.on_ddl() is not declared",
    ),
    change(
        "a setting of the database",
        "do $$ begin execute format('alter database %I set work_mem = ''64MB''', current_database()); end $$",
        "database: database itself: setting work_mem: declared none, live 64MB",
    ),
    change(
        "a role's attribute",
        "alter role anon login",
        "cluster: role anon: login: declared none, live yes",
    ),
    change(
        "an owner without BYPASSRLS",
        "alter role dotbase_owner nobypassrls",
        "cluster: role dotbase_owner: bypassrls: declared yes, live none",
    ),
    change(
        "a role that inherits",
        "alter role authenticator inherit",
        "cluster: role authenticator: inherit: declared none, live yes",
    ),
    change(
        "a role's limit of connections",
        "alter role authenticator connection limit 5",
        "cluster: role authenticator: connection limit: declared none, live 5",
    ),
    change(
        "a password for the role of the schedules",
        "alter role dotbase_cron password 'x'",
        "cluster: role dotbase_cron: password: declared none, live set",
    ),
    change(
        "a role's setting",
        "alter role anon set statement_timeout = '3s'",
        "cluster: role anon: setting statement_timeout: declared 10s, live 3s",
    ),
    # Fault 17: who takes a limit of clients away is told of.
    change(
        "a limit of clients less",
        "alter role service_role reset lock_timeout",
        "cluster: role service_role: setting lock_timeout: declared 2s, live none",
    ),
    change(
        "a setting of all roles",
        "alter role all set work_mem = '64MB'",
        "cluster: role all: setting work_mem: declared none, live 64MB",
    ),
    change(
        "a role's setting in this database",
        "do $$ begin execute format('alter role anon in database %I set search_path = public',"
        " current_database()); end $$",
        "cluster: role anon: setting in database * search_path: declared none, live public",
    ),
    change(
        "a comment on a role",
        "comment on role anon is 'x'",
        "cluster: role anon: comment: declared none, live x",
    ),
    change(
        "a membership more",
        "grant dotbase_owner to authenticated",
        "cluster: membership of authenticated in dotbase_owner is not declared",
    ),
    change(
        "somebody else in a role of ours",
        "create role bob login; grant service_role to bob",
        "cluster: membership of bob in service_role is not declared",
    ),
    change(
        "a membership less",
        "revoke anon from authenticator",
        "cluster: membership of authenticator in anon is missing",
    ),
    change(
        "a membership that may be passed on",
        "grant anon to authenticator with admin option",
        "cluster: membership of authenticator in anon: admin: declared none, live yes",
    ),
]
