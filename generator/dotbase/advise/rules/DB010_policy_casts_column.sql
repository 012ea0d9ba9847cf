-- level: warning
-- title: A policy casts the column that it compares
-- at: policies
-- why: An index on the column cannot serve a comparison of its cast: every row is looked at.
-- remedy: Cast the other side: `user_id = (… ->> 'sub')::uuid`.
select distinct
    p.schema,
    p.relation_name as name,
    p.name as part,
    pg_catalog.format('compares %s::%s', c.name, pg_catalog.btrim(m.cast_to[1])) as detail
from policies as p
inner join columns as c
    on c.relation = p.relation
    -- varchar compares as text without work.
    and c.type not in ('varchar'::pg_catalog.regtype, 'text'::pg_catalog.regtype)
cross join lateral pg_catalog.regexp_matches(
    pg_catalog.concat_ws(' ', p.using_text, p.check_text),
    '\(' || c.pattern || '\)::([a-z ]+)(?:\[\])? (?:=|IN|<>|<|>)', 'g'
) as m (cast_to)
