-- level: warning
-- title: A policy names no role
-- at: policies
-- why: Without TO a policy is for PUBLIC: it is evaluated for roles that it was not written for, and lets in
--   every role that is granted the table later.
-- remedy: Create the policy with `to <role>`, as the lines of `policies/<app>.yaml` do.
select p.schema, p.relation_name as name, p.name as part, 'is for every role there is' as detail
from policies as p
where p.roles = '{0}' and p.permissive
