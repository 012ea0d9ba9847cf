"""Hand-made changes where nobody looks: members of extensions, what initdb made, parameters, the database."""

from __future__ import annotations

from tests.drift.changes import change

PROFILES = "luckywalk.user_profiles"
STEAL = f"create function api.steal() returns setof {PROFILES} language sql as 'table {PROFILES}';"

HIDDEN = [
    change(
        "a function hidden in an extension",
        STEAL + "alter extension pgcrypto add function api.steal()",
        "api: function api.steal() is not declared",
    ),
    change(
        "a view hidden in an extension",
        "create view api.everybody as select 1 as one; alter extension pgcrypto add view api.everybody",
        "api: view api.everybody is not declared",
    ),
    change(
        "a schema hidden in an extension",
        "create schema evil; alter extension pgcrypto add schema evil",
        "evil: schema evil is not declared",
        fixes=False,
    ),
    change(
        "a table that became an extension's",
        "alter extension pgcrypto add table luckywalk.user_profiles",
        "luckywalk: table luckywalk.user_profiles: member of extension: declared none, live pgcrypto",
    ),
    change(
        "a routine that became an extension's",
        "alter extension pgcrypto add function core.require_administrator()",
        "core: function core.require_administrator(): member of extension: declared none, live pgcrypto",
    ),
    change(
        "a member that left its extension",
        "alter extension pgcrypto drop function extensions.gen_random_bytes(integer)",
        "extensions: function extensions.gen_random_bytes(integer): member of extension: declared pgcrypto,"
        " live none",
    ),
    change(
        "a member's body",
        "create or replace function extensions.gen_random_bytes(integer) returns bytea language sql volatile"
        " strict parallel safe cost 1 as $$ select decode(repeat('01', $1), 'hex') $$",
        "extensions: function extensions.gen_random_bytes(integer): body: declared *",
        "extensions: function extensions.gen_random_bytes(integer): file: declared *",
        "extensions: function extensions.gen_random_bytes(integer): language: declared c, live sql",
    ),
    change(
        "a grant on a member",
        "grant execute on function extensions.gen_random_bytes(integer) to anon",
        "extensions: function extensions.gen_random_bytes(integer): grant to anon: declared none,"
        " live execute",
    ),
    change(
        "an extension's owner",
        "update pg_extension set extowner = 'authenticated'::regrole where extname = 'pgcrypto'",
        "database: extension pgcrypto: owner: declared (superuser), live authenticated",
        fixes=False,
    ),
    change(
        "a grant on a function of the server",
        "grant execute on function pg_read_file(text) to authenticated",
        "pg_catalog: function pg_read_file(text): grant to authenticated: declared none, live execute",
    ),
    change(
        "a grant on a catalog",
        "grant select on pg_authid to anon",
        "pg_catalog: table pg_catalog.pg_authid: grant to anon: declared none, live select",
    ),
    change(
        "a catalog open to everybody",
        "grant select on pg_statistic to public",
        "pg_catalog: table pg_catalog.pg_statistic: grant to public: declared none, live select",
    ),
    change(
        "a grant on a catalog's column",
        "grant select (rolpassword) on pg_authid to anon",
        "pg_catalog: column pg_catalog.pg_authid.rolpassword: grant to anon: declared none, live select",
    ),
    change(
        "a grant on the server's schema",
        "grant create on schema pg_catalog to authenticated",
        "pg_catalog: schema pg_catalog: grant to authenticated: declared none, live create",
    ),
    change(
        "a function in the server's schema",
        "create function pg_catalog.steal() returns text language sql as 'select null::text'",
        "pg_catalog: function steal() is not declared",
    ),
    change(
        "a function in information_schema",
        "create function information_schema.steal() returns text language sql as 'select null::text'",
        "information_schema: function information_schema.steal() is not declared",
    ),
    change(
        "a type in the server's schema",
        "create domain pg_catalog.evil as uuid",
        "pg_catalog: type pg_catalog.evil is not declared",
    ),
    change(
        "a function of the server that was replaced",
        "create or replace function pg_catalog.pg_relation_size(regclass) returns bigint language sql"
        " volatile strict parallel safe cost 1 as 'select 0::bigint'",
        "pg_catalog: function pg_relation_size(regclass): body: declared *",
        fixes=False,
    ),
    change(
        "a function of the server that is leakproof",
        "alter function textlike(text, text) leakproof",
        "pg_catalog: function textlike(text,text): leakproof: declared none, live leakproof",
    ),
    change(
        "a view of the server",
        "create or replace view pg_catalog.pg_rules as select n.nspname as schemaname, c.relname as"
        " tablename, r.rulename, 'x'::text as definition"
        " from pg_rewrite as r, pg_class as c, pg_namespace as n",
        "pg_catalog: view pg_catalog.pg_rules: definition: declared *",
    ),
    change(
        "an operator of the server",
        "alter operator pg_catalog.=(uuid, uuid) set (restrict = none)",
        "pg_catalog: operator *uuid*: definition: declared *",
        fixes=False,
    ),
    change(
        "an operator in the server's schema",
        "create operator pg_catalog.<<>> (leftarg = uuid, rightarg = uuid, function = uuid_eq)",
        "pg_catalog: operator *<<>>* is not declared",
    ),
    change(
        "a function of an operator family",
        "alter operator family uuid_ops using hash add function 1 (text, text) hashtext(text)",
        "database: function of a family * is not declared",
        fixes=False,
    ),
    change(
        "a right to set a parameter",
        "grant set on parameter session_replication_role to authenticated",
        "cluster: parameter session_replication_role: grant to authenticated: declared none, live set",
    ),
    change(
        "a right to write a parameter",
        "grant alter system on parameter archive_command to public",
        "cluster: parameter archive_command: grant to public: declared none, live alter system",
    ),
    change(
        "a grant on a large object",
        "select lo_create(424242); grant select, update on large object 424242 to anon",
        "database: large object 424242: grant to anon: declared none, live select, update",
    ),
    change(
        "a grant on a tablespace",
        "grant create on tablespace pg_default to authenticated",
        "cluster: tablespace pg_default: grant to authenticated: declared none, live create",
    ),
    change(
        "a grant on a language",
        "grant usage on language plpgsql to anon with grant option",
        "database: language plpgsql: grant to anon: declared none, live usage*",
    ),
    change(
        "a language that everybody may use",
        "update pg_language set lanpltrusted = true where lanname = 'c'",
        "database: language c: definition: declared not trusted, live trusted",
        fixes=False,
    ),
    change(
        "a database of a client role",
        "do $$ begin execute format('alter database %I owner to authenticated', current_database()); end $$",
        "database: database itself: owner: declared none, live authenticated",
        fixes=False,
    ),
    change(
        "a limit of a database's connections",
        "do $$ begin execute format('alter database %I connection limit 5', current_database()); end $$",
        "database: database itself: connection limit: declared none, live 5",
    ),
    change(
        "a grant on columns that the system has",
        "grant select (ctid, tableoid) on luckywalk.tickets to anon",
        "luckywalk: column luckywalk.tickets.ctid: grant to anon: declared none, live select",
        "luckywalk: column luckywalk.tickets.tableoid: grant to anon: declared none, live select",
    ),
]
