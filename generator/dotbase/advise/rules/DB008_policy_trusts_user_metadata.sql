-- level: error
-- title: A policy trusts what a user can edit
-- at: policies
-- why: user_metadata is written by the user himself: whoever wants the right puts it there.
-- remedy: Ask app_metadata, or a column that its owner cannot write.
select p.schema, p.relation_name as name, p.name as part, 'reads user_metadata' as detail
from policies as p
where pg_catalog.concat_ws(' ', p.using_text, p.check_text) ~* 'user_meta_?data'
