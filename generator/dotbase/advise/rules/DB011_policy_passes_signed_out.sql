-- level: error
-- title: A policy is true for whoever is not signed in
-- at: policies
-- why: auth.uid() is null without a sign-in: `auth.uid() is null or …` gives the stranger everything.
-- remedy: Leave the null to compare as false, and give `anon` a policy of its own where it needs one.
select p.schema, p.relation_name as name, p.name as part, 'is true when auth.uid() is null' as detail
from policies as p
where p.permissive
    and pg_catalog.concat_ws(' ', p.using_text, p.check_text)
        ~ '(auth\.uid\(\)|SELECT auth\.uid\(\) AS uid\)) IS NULL\)?( OR |$)'
