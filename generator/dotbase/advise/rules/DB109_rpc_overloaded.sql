-- level: warning
-- title: Two RPCs have one name
-- why: PostgREST picks an overload by the argument names that a client sends, and calls it ambiguous where it
--   cannot: such calls fail.
-- remedy: Give each its own name, or one of them default arguments.
select r.schema, r.name, null as part, pg_catalog.format('stands %s times', pg_catalog.count(*)) as detail
from routines as r
where r.exposed
group by r.schema, r.name
having pg_catalog.count(*) > 1
