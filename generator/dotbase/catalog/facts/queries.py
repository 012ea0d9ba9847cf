"""What the queries for facts share: which schemas are read, roles by name, grants as facts.

Each query gives kind, name, own name, schema, kind and name of the parent, facts, statement that makes it,
facts while absent. Names are quoted by the server; definitions are deparsed by it with an empty search_path.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from dotbase.catalog.facts.items import MEMBER, OWNER, SUPERUSER

# When a trigger or an event trigger is on.
ENABLED = "case {} when 'D' then 'disabled' when 'R' then 'on replicas' when 'A' then 'always' end"

# On a plain PostgreSQL what initdb and extensions brought is compared too. The constructors and casts of a
# range come and go with its type, entries of operator families with their class or extension.
COMMON = f"""
with role_names (oid, name) as (
    select r.oid,
        case
            when %(superusers_alike)s and r.rolsuper then '{SUPERUSER}' else pg_catalog.quote_ident(r.rolname)
        end
    from pg_catalog.pg_roles as r
    union all
    select 0, 'public'
),
parts (classid, objid) as (
    select d.classid, d.objid
    from pg_catalog.pg_depend as d
    where d.deptype = 'i' and (
        d.classid in ('pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass)
        or (
            d.classid in ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_cast'::regclass)
            and d.refclassid = 'pg_catalog.pg_type'::regclass
        )
    )
    union all
    select d.classid, d.objid
    from pg_catalog.pg_depend as d
    inner join pg_catalog.pg_depend as e
        on e.classid = d.refclassid and e.objid = d.refobjid and e.deptype = 'e'
    where d.classid in ('pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass)
        and d.refclassid = 'pg_catalog.pg_opfamily'::regclass
),
schemas (oid, name) as (
    select n.oid, pg_catalog.quote_ident(n.nspname)
    from pg_catalog.pg_namespace as n
    where case
            when %(ours)s::text[] is not null then n.nspname = any (%(ours)s::text[])
            when n.nspname in ('pg_catalog', 'information_schema') then %(built_in)s
            else n.nspname !~ '^pg_'
        end
        and n.nspname <> all (%(ignored)s::text[])
)
"""


@dataclass(frozen=True)
class Scope:
    """What of a database is compared.

    ours:             names of the schemas that are ours, or None: all schemas of the database.
    ignored:          schemas that are left out.
    superusers_alike: whether superusers count as one, whatever they are called.
    maintain:         whether the right MAINTAIN is compared, which PostgreSQL has from 17 on.
    built_in:         whether what initdb made is read, on a plain Postgres.
    """

    ours: tuple[str, ...] | None
    ignored: tuple[str, ...] = ()
    superusers_alike: bool = True
    maintain: bool = False
    built_in: bool = True

    @property
    def parameters(self) -> dict[str, object]:
        """Its values, as the queries name them."""
        return {
            "ours": list(self.ours) if self.ours is not None else None,
            "ignored": list(self.ignored),
            "superusers_alike": self.superusers_alike,
            "maintain": self.maintain,
            "built_in": self.built_in,
            "whole_database": self.ours is None,
        }


def grants(acl: str, of: str, owner: str, word: str = "grant to") -> str:
    """Facts of an access list, one a grantee; `*` marks what he may grant on."""
    return f"""coalesce((
        select pg_catalog.jsonb_object_agg('{word} ' || g.grantee, g.privileges)
        from (
            select
                case
                    when given.grantee = {owner} then '{OWNER}' else coalesce(w.name, given.grantee::text)
                end as grantee,
                pg_catalog.string_agg(distinct pg_catalog.concat(
                    pg_catalog.lower(given.privilege_type), case when given.is_grantable then '*' end
                ), ', ') as privileges
            from pg_catalog.aclexplode(coalesce({acl}, pg_catalog.acldefault('{of}', {owner}))) as given
            left join role_names as w on w.oid = given.grantee
            where given.privilege_type <> 'MAINTAIN' or %(maintain)s
            group by 1
        ) as g
    ), '{{}}')"""


def column_grants(acl: str, owner: str, word: str) -> str:
    """The same of a column's list, which is nearly always empty."""
    return f"case when {acl} is null then '{{}}'::jsonb else {grants(acl, 'c', owner, word)} end"


def no_part(classid: str, objid: str) -> str:
    """A condition: it is no part of a type, and no entry of a family that comes with its class."""
    return f"""not exists (
        select from parts as part
        where part.classid = 'pg_catalog.{classid}'::regclass and part.objid = {objid}
    )"""


def member(classid: str, objid: str) -> tuple[str, str]:
    """The fact which extension has it as a member."""
    return (
        MEMBER,
        f"""(
            select quote_ident(me.extname)
            from pg_catalog.pg_depend as md
            inner join pg_catalog.pg_extension as me on me.oid = md.refobjid
            where md.classid = 'pg_catalog.{classid}'::regclass and md.objid = {objid} and md.objsubid = 0
                and md.refclassid = 'pg_catalog.pg_extension'::regclass and md.deptype = 'e'
        )""",
    )


def facts(*pairs: tuple[str, str]) -> str:
    """Facts by name and expression; one without a value is left out."""
    inside = ",\n        ".join(f"'{name}', {expression}" for name, expression in pairs)
    return f"pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(\n        {inside}\n    ))"


def query(text: str, **parts: str) -> str:
    """A query with what all share, its `$parts` put in."""
    return COMMON + Template(text).substitute(parts)
