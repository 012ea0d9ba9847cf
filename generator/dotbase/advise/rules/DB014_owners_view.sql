-- level: error
-- title: A view reads as its owner
-- why: The owner bypasses row-level security, so the view shows everybody's rows to whoever may read it.
-- remedy: `create view … with (security_invoker = true)`.
select r.schema, r.name, null as part, 'has no security_invoker' as detail
from relations as r
where r.kind = 'v'
    and not exists (
        select
        from pg_catalog.pg_options_to_table(r.options) as o
        where o.option_name = 'security_invoker' and o.option_value::boolean
    )
