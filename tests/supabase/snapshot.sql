-- One line an object: what it is, whose, who may, and how it is defined.
with schemas as (
    select oid, nspname from pg_catalog.pg_namespace
    where (nspname = any (%(ours)s::text [])) = %(which)s
        and not pg_catalog.starts_with(nspname, 'pg_toast')
        and not pg_catalog.starts_with(nspname, 'pg_temp')
)

select pg_catalog.format('schema %%s of %%s: %%s', n.nspname, n.nspowner::regrole, n.nspacl)
from pg_catalog.pg_namespace as n inner join schemas using (oid)
union all
select pg_catalog.format(
    '%%s %%s of %%s: %%s rls %%s %%s %%s', c.relkind, c.oid::regclass, c.relowner::regrole, c.relacl,
    c.relrowsecurity, c.relforcerowsecurity,
    case c.relkind when 'v' then pg_catalog.pg_get_viewdef(c.oid) when 'i' then pg_catalog.pg_get_indexdef(c.oid) end
)
from pg_catalog.pg_class as c inner join schemas as s on s.oid = c.relnamespace
union all
select pg_catalog.format(
    'column %%s.%%s %%s: %%s', a.attrelid::regclass, a.attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod), a.attacl
)
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on c.oid = a.attrelid
inner join schemas as s on s.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped
union all
select pg_catalog.format(
    'routine %%s of %%s: %%s %%s', p.oid::regprocedure, p.proowner::regrole, p.proacl,
    case when p.prokind in ('f', 'p') then pg_catalog.pg_get_functiondef(p.oid) end
)
from pg_catalog.pg_proc as p inner join schemas as s on s.oid = p.pronamespace
union all
select pg_catalog.format('type %%s of %%s: %%s', t.oid::regtype, t.typowner::regrole, t.typacl)
from pg_catalog.pg_type as t inner join schemas as s on s.oid = t.typnamespace
union all
select pg_catalog.format('constraint %%s on %%s: %%s', k.conname, k.conrelid::regclass, pg_catalog.pg_get_constraintdef(k.oid))
from pg_catalog.pg_constraint as k inner join schemas as s on s.oid = k.connamespace
union all
select pg_catalog.format(
    'policy %%s on %%s: %%s %%s %%s %%s', p.polname, p.polrelid::regclass, p.polcmd, p.polroles::regrole [],
    pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
)
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_class as c on c.oid = p.polrelid
inner join schemas as s on s.oid = c.relnamespace
union all
select pg_catalog.format('trigger %%s: %%s', pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled)
from pg_catalog.pg_trigger as t
inner join pg_catalog.pg_class as c on c.oid = t.tgrelid
inner join schemas as s on s.oid = c.relnamespace
where not t.tgisinternal
union all
select pg_catalog.format('extension %%s %%s of %%s', extname, extversion, extowner::regrole)
from pg_catalog.pg_extension where not %(which)s
union all
select pg_catalog.format('role %%s', pg_catalog.to_jsonb(r)) from pg_catalog.pg_roles as r where not %(which)s
union all
select pg_catalog.format('%%s is member of %%s', m.member::regrole, m.roleid::regrole)
from pg_catalog.pg_auth_members as m where not %(which)s
union all
select pg_catalog.format('setting of %%s here %%s: %%s', setrole::regrole, setdatabase > 0, setconfig)
from pg_catalog.pg_db_role_setting
where not %(which)s
    and setdatabase in (
        0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
    )
union all
select pg_catalog.format('default %%s %%s %%s %%s', defaclrole, defaclnamespace, defaclobjtype, defaclacl)
from pg_catalog.pg_default_acl where not %(which)s
union all
select pg_catalog.format('event trigger %%s of %%s', evtname, evtowner::regrole)
from pg_catalog.pg_event_trigger where not %(which)s
union all
select pg_catalog.format('database of %%s: %%s', datdba::regrole, datacl)
from pg_catalog.pg_database where not %(which)s and datname = pg_catalog.current_database()
union all
select pg_catalog.format('comment on %%s: %%s', pg_catalog.pg_describe_object(d.classoid, d.objoid, 0), d.description)
from pg_catalog.pg_description as d where not %(which)s and d.classoid = 'pg_catalog.pg_extension'::regclass
