"""Hand-made changes of row-level security, policies, grants, default privileges."""

from __future__ import annotations

from tests.drift.changes import change

ACCESS = [
    change(
        "row-level security that is off",
        "alter table luckywalk.rounds disable row level security",
        "luckywalk: table luckywalk.rounds: row-level security: declared enabled, live none",
    ),
    change(
        "row-level security that is not forced",
        "alter table luckywalk.rounds no force row level security",
        "luckywalk: table luckywalk.rounds: forced row-level security: declared forced, live none",
    ),
    change(
        "a policy more",
        "create policy everybody on luckywalk.user_profiles for select to authenticated using (true)",
        "luckywalk: policy everybody on luckywalk.user_profiles is not declared",
    ),
    change(
        "a policy less",
        "drop policy anon_select on luckywalk.rounds",
        "luckywalk: policy anon_select on luckywalk.rounds is missing",
    ),
    change(
        "a policy's condition",
        "alter policy anon_select on luckywalk.rounds using (round_no > 0)",
        "luckywalk: policy anon_select on luckywalk.rounds: using: declared true, live (round_no > 0)",
    ),
    change(
        "a policy's roles",
        "alter policy anon_select on luckywalk.rounds to public",
        "luckywalk: policy anon_select on luckywalk.rounds: roles: declared anon, live public",
    ),
    change(
        "a policy's command",
        "drop policy anon_select on luckywalk.rounds;"
        "create policy anon_select on luckywalk.rounds for all to anon using (true) with check (true)",
        "luckywalk: policy anon_select on luckywalk.rounds: command: declared select, live all",
        "luckywalk: policy anon_select on luckywalk.rounds: with check: declared none, live true",
    ),
    change(
        "a policy that is restrictive",
        "drop policy anon_select on luckywalk.rounds;"
        "create policy anon_select on luckywalk.rounds as restrictive for select to anon using (true)",
        "luckywalk: policy anon_select on luckywalk.rounds: permissive: declared none, live restrictive",
    ),
    change(
        "a policy's name",
        "alter policy anon_select on luckywalk.rounds rename to seen",
        "luckywalk: policy anon_select on luckywalk.rounds is called seen",
    ),
    change(
        "a grant on a table",
        "grant select, insert on ledger.balances to authenticated with grant option",
        "ledger: table ledger.balances: grant to authenticated: declared none, live insert*, select*",
    ),
    change(
        "a grant on a table to everybody",
        "grant select on core.settings to public",
        "core: table core.settings: grant to public: declared none, live select",
    ),
    change(
        "a right of the owner less",
        "revoke delete on core.settings from dotbase_owner",
        "core: table core.settings: grant to its owner: declared * live *",
    ),
    change(
        "a grant on a column",
        "grant update (nickname) on luckywalk.user_profiles to authenticated",
        "luckywalk: column luckywalk.user_profiles.nickname: grant to authenticated:"
        " declared none, live update",
    ),
    change(
        "a grant on a column less",
        "revoke select (status) on luckywalk.rounds from anon",
        "luckywalk: column luckywalk.rounds.status: grant to anon: declared select, live none",
    ),
    change(
        "a grant on a function",
        "grant execute on function core.secret(text) to authenticated",
        "core: function core.secret(text): grant to authenticated: declared none, live execute",
    ),
    change(
        "a grant on an RPC less",
        "revoke execute on function api.claim_steps from authenticated",
        "luckywalk: function api.claim_steps(integer,integer[]): grant to authenticated: declared execute,"
        " live none",
    ),
    change(
        "a grant on a schema",
        "grant create on schema api to authenticated",
        "api: schema api: grant to authenticated: declared usage, live create, usage",
    ),
    change(
        "a grant on a type less",
        "revoke usage on type api.settings from public",
        "api: type api.settings: grant to public: declared usage, live none",
    ),
    change(
        "a grant on a view",
        "grant update on api.rounds to anon",
        "luckywalk: view api.rounds: grant to anon: declared select, live select, update",
    ),
    change(
        "a grant on a view's column",
        "grant update (status) on api.rounds to anon",
        "luckywalk: view api.rounds: grant on column status to anon: declared none, live update",
    ),
    change(
        "a grant on the database",
        "do $$ begin execute format('grant create on database %I to anon', current_database()); end $$",
        "database: database itself: grant to anon: declared none, live create",
    ),
    change(
        "default privileges",
        "alter default privileges for role dotbase_owner grant execute on functions to public",
        "database: default privileges of dotbase_owner on functions: grant to public: declared none,"
        " live execute",
    ),
    change(
        "default privileges in a schema",
        "alter default privileges for role dotbase_owner in schema luckywalk grant select on tables to anon",
        "luckywalk: default privileges of dotbase_owner on tables in luckywalk: grant to anon: declared none,"
        " live select",
    ),
    change(
        "default privileges of somebody else",
        "alter default privileges for role postgres grant select on tables to anon",
        "database: default privileges of (superuser) on tables: grant to anon: declared none, live select",
    ),
]
