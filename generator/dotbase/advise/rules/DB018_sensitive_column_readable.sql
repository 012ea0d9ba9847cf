-- level: warning
-- title: Clients may read a column that sounds secret
-- at: policies
-- why: Passwords, keys and tokens are compared inside of the database; nobody needs to read them.
-- remedy: Grant the other columns by name (`columns:` in `policies/<app>.yaml`), and keep a hash.
select distinct
    c.schema,
    c.relation_name as name,
    c.name as part,
    'may be read by ' || pg_catalog.string_agg(distinct k.role, ', ') as detail
from columns as c
inner join client_grants as g
    on g.oid = c.relation and g.privilege_type = 'SELECT' and g.column_number in (0, c.number)
inner join clients as k on k.oid = g.grantee
where c.name ~ '(^|_)(password|passwd|secret|api_?key|private_?key|access_token|refresh_token|ciphertext|ssn)(_|$)'
group by c.schema, c.relation_name, c.name
