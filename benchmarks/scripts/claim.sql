-- A claim as PostgREST makes it: each client goes through its walkers, ten thresholds each.
\set n :n + 1
\set user :client_id * 1000000 + :n / 10
\set threshold (:n % 10 + 1) * 1000
begin isolation level read committed read write;
select
    set_config('search_path', '"api", "public"', true),
    set_config('role', 'authenticated', true),
    set_config('request.jwt.claims', format('{"sub":"00000000-0000-4000-8000-%s","role":"authenticated","aud":"authenticated","exp":4102444800,"email":"walker@example.com","app_metadata":{"provider":"email"},"user_metadata":{}}', lpad(:user::text, 12, '0')), true),
    set_config('request.method', 'POST', true),
    set_config('request.path', '/rpc/claim_steps', true),
    set_config('request.headers', '{"content-type":"application/json","accept":"*/*","host":"localhost"}', true),
    set_config('request.cookies', '{}', true);
with pgrst_source as (
    select pgrst_call.*
    from (select format('{"threshold":%s}', :threshold::int)::json as json_data) as pgrst_payload,
    lateral (select threshold from json_to_record(pgrst_payload.json_data) as _(threshold integer) limit 1) as pgrst_body,
    lateral api.claim_steps(threshold := pgrst_body.threshold) as pgrst_call
)

select
    null::bigint as total_result_set,
    pg_catalog.count(_postgrest_t) as page_total,
    coalesce(json_agg(_postgrest_t), '[]')::text as body,
    nullif(current_setting('response.headers', true), '') as response_headers,
    nullif(current_setting('response.status', true), '') as response_status
from (select * from pgrst_source) as _postgrest_t;
commit;
