"""What all queries of the reader share: whose names are told, which schemas are read, and grants as facts.

Each query gives kind, name, own name, schema, kind and name of the parent, facts, statement that makes it,
facts while absent. Names are quoted by the server; definitions are deparsed by it with an empty search_path.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from dotbase.drift.items import OWNER, SUPERUSER

# Members of extensions come and go with their extension, and the constructors and casts of a range with its
# type: they are nobody's drift.
COMMON = f"""
with people (oid, name) as (
    select r.oid,
        case when %(alike)s and r.rolsuper then '{SUPERUSER}' else pg_catalog.quote_ident(r.rolname) end
    from pg_catalog.pg_roles as r
    union all
    select 0, 'public'
),
members (classid, objid) as (
    select d.classid, d.objid
    from pg_catalog.pg_depend as d
    where d.deptype = 'e' or (
        d.deptype = 'i'
        and d.classid in ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_cast'::regclass)
        and d.refclassid = 'pg_catalog.pg_type'::regclass
    )
),
spaces (oid, name) as (
    select n.oid, pg_catalog.quote_ident(n.nspname)
    from pg_catalog.pg_namespace as n
    where case
            when %(ours)s::text[] is not null then n.nspname = any (%(ours)s::text[])
            else n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        end
        and n.nspname <> all (%(ignored)s::text[])
        and not exists (
            select from members as e
            where e.classid = 'pg_catalog.pg_namespace'::regclass and e.objid = n.oid
        )
)
"""


@dataclass(frozen=True)
class Scope:
    """What of a database is compared.

    ours:     names of the schemas that are ours, or None: all schemas of the database.
    ignored:  schemas that are left out.
    alike:    whether superusers count as one, whatever they are called.
    maintain: whether the right MAINTAIN is compared, which PostgreSQL has from 17 on.
    """

    ours: tuple[str, ...] | None
    ignored: tuple[str, ...] = ()
    alike: bool = True
    maintain: bool = False

    @property
    def parameters(self) -> dict[str, object]:
        """For the queries."""
        return {
            "ours": list(self.ours) if self.ours is not None else None,
            "ignored": list(self.ignored),
            "alike": self.alike,
            "maintain": self.maintain,
            "whole": self.ours is None,
        }


def grants(acl: str, of: str, owner: str, word: str = "grant to") -> str:
    """Facts of an access list, one a grantee; `*` marks what he may grant on."""
    return f"""coalesce((
        select pg_catalog.jsonb_object_agg('{word} ' || g.grantee, g.privileges)
        from (
            select
                case
                    when x.grantee = {owner} then '{OWNER}' else coalesce(w.name, x.grantee::text)
                end as grantee,
                pg_catalog.string_agg(distinct pg_catalog.concat(
                    pg_catalog.lower(x.privilege_type), case when x.is_grantable then '*' end
                ), ', ') as privileges
            from pg_catalog.aclexplode(coalesce({acl}, pg_catalog.acldefault('{of}', {owner}))) as x
            left join people as w on w.oid = x.grantee
            where x.privilege_type <> 'MAINTAIN' or %(maintain)s
            group by 1
        ) as g
    ), '{{}}')"""


def column_grants(acl: str, owner: str, word: str) -> str:
    """The same of a column's list, which is nearly always empty."""
    return f"case when {acl} is null then '{{}}'::jsonb else {grants(acl, 'c', owner, word)} end"


def no_member(classid: str, objid: str) -> str:
    """What did not come with something else."""
    return f"""not exists (
        select from members as em
        where em.classid = 'pg_catalog.{classid}'::regclass and em.objid = {objid}
    )"""


def facts(*pairs: tuple[str, str]) -> str:
    """Facts by name and expression; one without a value is left out."""
    inside = ",\n        ".join(f"'{name}', {expression}" for name, expression in pairs)
    return f"pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(\n        {inside}\n    ))"


def query(text: str, **parts: str) -> str:
    """A query of the reader, its `$parts` put in."""
    return COMMON + Template(text).substitute(parts)
