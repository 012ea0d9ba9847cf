-- level: warning
-- title: A policy asks who is calling once for every row
-- at: policies
-- why: Postgres evaluates a bare auth.uid() or current_setting() for each row that it looks at; wrapped as
--   `(select auth.uid())` it is evaluated once a statement (100,000 rows: 9 ms against 179).
-- remedy: Write `(select auth.uid())`; `rows: own` in `policies/<app>.yaml` does.
with recursive parts as (
    select p.oid, p.schema, p.relation_name, p.name, t.text, 0 as round
    from policies as p
    cross join lateral (
        select pg_catalog.regexp_replace(
            pg_catalog.concat_ws(' ', p.using_text, p.check_text), $$'[^']*'|"[^"]*"$$, 'x', 'g'
        ) as text
    ) as t
    union all
    -- Innermost parentheses first: a subselect without FROM is evaluated once and vanishes, others turn into ‹›.
    select p.oid, p.schema, p.relation_name, p.name, t.text, p.round + 1
    from parts as p
    cross join lateral (
        select pg_catalog.regexp_replace(
            pg_catalog.regexp_replace(p.text, '\( SELECT ((?! FROM )[^()])*\)', '', 'g'),
            '\((?! SELECT )([^()]*)\)|\(( SELECT [^()]* FROM [^()]*)\)', '‹\1\2›', 'g'
        ) as text
    ) as t
    where t.text <> p.text and p.round < 50
)

select distinct
    p.schema,
    p.relation_name as name,
    p.name as part,
    'calls ' || pg_catalog.btrim((pg_catalog.regexp_match(p.text, '(\w+\.\w+‹›|current_setting‹)'))[1], '‹›')
    || ' for every row' as detail
from parts as p
where p.text ~ '(\w+\.\w+‹›|\mcurrent_setting‹)'
    and p.round = (select pg_catalog.max(o.round) from parts as o where o.oid = p.oid)
