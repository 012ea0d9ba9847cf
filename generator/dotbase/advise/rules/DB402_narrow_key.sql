-- level: warning
-- title: A counted key that is narrower than bigint
-- why: Two thousand million rows come sooner than one thinks, and failed inserts use numbers, too.
-- remedy: `bigint generated always as identity`.
select c.schema, c.relation_name as name, c.name as part, 'is counted in ' || c.type_name as detail
from stored_columns as c
where c.type in ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype)
    and (
        c.identity <> ''
        or pg_catalog.pg_get_serial_sequence(
            pg_catalog.format('%I.%I', c.schema, c.relation_name), c.name
        ) is not null
    )
