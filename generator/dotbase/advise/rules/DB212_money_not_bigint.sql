-- level: warning
-- title: Money that is no bigint
-- why: Floats round, `money` depends on a setting of the session, and numeric lets in half a won.
-- remedy: Use bigint in the currency's smallest unit.
select c.schema, c.relation_name as name, c.name as part, 'is ' || c.type_name as detail
from stored_columns as c
where (
        c.type = 'money'::pg_catalog.regtype
        or (
            c.type in ('real'::pg_catalog.regtype, 'float8'::pg_catalog.regtype, 'numeric'::pg_catalog.regtype)
            and c.name ~ '(^|_)(amount|balance|price|prize|pot|fee|cost|paid|payout|revenue|refund|won|krw|usd)(_|$)'
        )
    )
