-- The floor: a bare insert through the same transaction.
\set n :n + 1
\set user :client_id * 1000000 + :n / 10
\set threshold (:n % 10 + 1) * 1000
begin isolation level read committed read write;
select
    set_config('search_path', '"api", "public"', true),
    set_config('role', 'authenticated', true),
    set_config('request.jwt.claims', format('{"sub":"00000000-0000-4000-8000-%s","role":"authenticated","aud":"authenticated","exp":4102444800,"email":"walker@example.com","app_metadata":{"provider":"email"},"user_metadata":{}}', lpad(:user::text, 12, '0')), true),
    set_config('request.method', 'POST', true),
    set_config('request.path', '/floor_claims', true),
    set_config('request.headers', '{"content-type":"application/json","accept":"*/*","host":"localhost"}', true),
    set_config('request.cookies', '{}', true);
with pgrst_source as (
    insert into api.floor_claims (
        user_id, day, source, step, round_no, ticket_id, banked_mask, claimed_at
    )
    select
        pgrst_body.user_id, pgrst_body.day, pgrst_body.source, pgrst_body.step, pgrst_body.round_no, pgrst_body.ticket_id, pgrst_body.banked_mask, pgrst_body.claimed_at
    from (select format('{"user_id":"00000000-0000-4000-8000-%s","day":"2026-11-21","source":"steps","step":%s,"round_no":1251,"ticket_id":"5b6ab2b7-8d0e-4d7c-9f2a-3c3e2b0d5f11","banked_mask":1234567,"claimed_at":"2026-11-21T05:00:00Z"}', lpad(:user::text, 12, '0'), :threshold::int)::json as json_data) as pgrst_payload,
    lateral (select * from json_to_record(pgrst_payload.json_data) as _(user_id uuid, day date, source text, step integer, round_no integer, ticket_id uuid, banked_mask bigint, claimed_at timestamptz)) as pgrst_body
    returning api.floor_claims.*
)

select
    null::bigint as total_result_set,
    pg_catalog.count(_postgrest_t) as page_total,
    coalesce(json_agg(_postgrest_t), '[]')::text as body,
    nullif(current_setting('response.headers', true), '') as response_headers,
    nullif(current_setting('response.status', true), '') as response_status
from (select * from pgrst_source) as _postgrest_t;
commit;
