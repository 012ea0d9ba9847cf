-- level: warning
-- title: Several permissive policies for one role and command
-- at: policies
-- why: Permissive policies are OR-ed: the widest one decides, whatever the others say, and all of them are
--   evaluated for each row.
-- remedy: Make it one policy, or make those that should narrow it restrictive.
select
    p.schema,
    p.relation_name as name,
    pg_catalog.format('%s %s', coalesce(r.name, 'PUBLIC'), c.command) as part,
    pg_catalog.format(
        '%s policies are OR-ed: %s',
        pg_catalog.count(*), pg_catalog.string_agg(p.name, ', ' order by p.name)
    ) as detail
from policies as p
cross join lateral pg_catalog.unnest(p.roles) as o (role)
left join roles as r on r.oid = o.role
cross join (values ('select', 'r'), ('insert', 'a'), ('update', 'w'), ('delete', 'd')) as c (command, letter)
where p.permissive and p.command::text in ('*', c.letter)
group by p.schema, p.relation_name, r.name, c.command
having pg_catalog.count(*) > 1
