-- level: error
-- title: A superuser's definer routine is executable by clients
-- why: It runs with every right there is.
-- remedy: Give it to the owner of the database (`alter function … owner to …`), or revoke execute.
select r.schema, r.name, null as part, 'runs as ' || o.name as detail
from routines as r
inner join roles as o on o.oid = r.owner and o.superuser
where r.definer
    and exists (
        select
        from pg_catalog.aclexplode(coalesce(r.acl, pg_catalog.acldefault('f', r.owner))) as a
        where a.grantee in (select c.oid from clients as c)
    )
