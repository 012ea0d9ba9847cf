-- level: warning
-- title: An enum type
-- why: A value added by `alter type … add value` cannot be used in the same transaction, and none can be removed.
-- remedy: Use text with a named check.
select t.schema, t.name, null as part, 'is an enum' as detail
from types as t
where t.kind = 'e'
