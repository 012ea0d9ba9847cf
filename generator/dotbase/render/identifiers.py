"""Names of a database as SQL writes them: quoted where they need it, and only there."""

from __future__ import annotations

import re

PLAIN = re.compile(r"^[a-z_][a-z0-9_]*\Z")
LONGEST = 63  # bytes; Postgres cuts off the rest
# The key words that cannot be names (PostgreSQL documentation, appendix C: reserved, with those that may be
# names of functions or types); a test holds the list to pg_get_keywords().
RESERVED = frozenset(
    re.findall(
        r"\w+",
        "all analyse analyze and any array as asc asymmetric authorization binary both case cast "
        "check collate collation column concurrently constraint create cross current_catalog "
        "current_date current_role current_schema current_time current_timestamp current_user default "
        "deferrable desc distinct do else end except false fetch for foreign freeze from full grant "
        "group having ilike in initially inner intersect into is isnull join lateral leading left "
        "like limit localtime localtimestamp natural not notnull null offset on only or order outer "
        "overlaps placing primary references returning right select session_user similar some "
        "symmetric system_user table tablesample then to trailing true union unique user using "
        "variadic verbose when where window with",
    )
)


def quoted(name: str) -> str:
    """The name as SQL writes it."""
    if PLAIN.match(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """The name with its schema."""
    return f"{quoted(schema)}.{quoted(name)}"


def cut(name: str) -> str:
    """The name as Postgres keeps it: at most 63 bytes, whole characters."""
    return name.encode()[:LONGEST].decode(errors="ignore")


def literal(text: str) -> str:
    """A text as an SQL literal, read alike whatever standard_conforming_strings says."""
    doubled = text.replace("'", "''")
    return "e'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def dollar_quoted(text: str) -> str:
    """A text between dollar signs, with a tag that it does not contain."""
    tag = ""
    while f"${tag}$" in f"{text}$":
        tag = f"{tag}q"
    return f"${tag}${text}${tag}$"
