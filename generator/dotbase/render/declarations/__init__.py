"""What is declared in YAML: checked with its lines, and rendered as SQL."""

from __future__ import annotations

import json
import re
from typing import Any

NUMBERS = re.compile(r"\[\s+(\d[\d,\s]*?)\s+\]")


def literal(value: Any) -> str:
    """A value as a JSON literal in SQL, readable and the same every time."""
    text = json.dumps(value, ensure_ascii=False, indent=4, default=str)
    text = NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", text)
    tag = "json"
    while f"${tag}$" in text:
        tag += "_"
    return f"${tag}${text}${tag}$"


def call(routine: str, app: str, value: Any) -> str:
    """The statement that hands a declaration to the database."""
    return f"select {routine}('{app}', {literal(value)});\n"
