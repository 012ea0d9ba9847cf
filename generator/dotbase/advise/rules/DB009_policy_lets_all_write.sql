-- level: warning
-- title: A policy lets a client write every row
-- at: policies
-- why: With a condition that is always true the table is as open to writes as one without row-level security.
-- remedy: State whose rows: `rows: own`, or a condition; or take the write away and make an RPC.
select
    p.schema,
    p.relation_name as name,
    p.name as part,
    'is always true for a client''s writes' as detail
from policies as p
where p.permissive
    and p.roles && array(select c.oid from clients as c)
    and (
        (p.command in ('d', 'w', '*') and p.using_text = 'true')
        or (p.command in ('a', 'w', '*') and coalesce(p.check_text, p.using_text) = 'true')
    )
