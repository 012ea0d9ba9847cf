"""What of a text of SQL is code: comments, strings and documentation are blanked out, places stay."""

from __future__ import annotations

import re

NOT_CODE = re.compile(
    r"--[^\n]*"
    r"|\bcomment on [^;']*'(?:[^']|'')*';"
    r"|'(?:[^']|'')*'"
    r"|\$json\$.*?\$json\$"
    r"|\"[^\"\n]*\"",
    re.DOTALL,
)


def masked(sql: str) -> str:
    """The same text, as long as before, with blanks for what is not code."""
    return NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), sql)
