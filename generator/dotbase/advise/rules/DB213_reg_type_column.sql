-- level: warning
-- title: A column of a reg type
-- why: It holds an oid of this cluster: pg_upgrade refuses the database, and a restored one means other objects.
-- remedy: Keep the name as text.
select c.schema, c.relation_name as name, c.name as part, 'is ' || c.type_name as detail
from stored_columns as c
-- regclass, regrole and regtype survive an upgrade.
where c.type in (
        'regcollation'::pg_catalog.regtype, 'regconfig'::pg_catalog.regtype, 'regdictionary'::pg_catalog.regtype,
        'regnamespace'::pg_catalog.regtype, 'regoper'::pg_catalog.regtype, 'regoperator'::pg_catalog.regtype,
        'regproc'::pg_catalog.regtype, 'regprocedure'::pg_catalog.regtype
    )
