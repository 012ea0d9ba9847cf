-- level: error
-- title: A routine raises 40001
-- why: PostgREST before version 16 repeats a call that ended in 40001, without end.
-- remedy: Raise a declared error.
select r.schema, r.name, null as part, 'raises a serialization failure' as detail
from routines as r
where r.source ~* $$(errcode\s*(=|:=)\s*'(40001|serialization_failure)'|raise\s+(exception\s+)?(sqlstate\s+'40001'|serialization_failure))$$
