"""What newer servers write otherwise: from 16 on, a query over one table names columns without the table."""

from __future__ import annotations

import re

UNQUALIFIED_SINCE = 160000
SOURCE = re.compile(
    r"\b(?:FROM|JOIN)\s+\(*(?:[\w\"]+\.)?([\w\"]+)(?:\s+(?!ON\b|WHERE\b|JOIN\b)([a-z_\"]\w*\"?))?"
)


def write_views_alike(version: int, other: int) -> bool:
    """Whether two servers write the query of a view in the same way."""
    return (version >= UNQUALIFIED_SINCE) == (other >= UNQUALIFIED_SINCE)


def same_query(declared: str | None, live: str | None) -> bool:
    """Whether two texts are one query, apart from the names in front of columns."""
    return declared is not None and live is not None and _bare(declared) == _bare(live)


def _bare(query: str) -> str:
    names = {alias or table for table, alias in SOURCE.findall(query)}
    bare = re.sub(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\.", "", query) if names else query
    return " ".join(bare.split())
