"""Rules: one file each, `DBnnn_name.sql`: a header that says level, why and remedy, then one query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, get_args

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = get_args(Level)  # the gravest first
FILE = re.compile(r"(DB\d{3})_([a-z0-9_]+)\.sql")
HEAD = re.compile(r"-- ([a-z]+): (.+)")
MORE = "--   "


@dataclass(frozen=True)
class Rule:
    """One rule.

    number, name:  stable; from the file's name.
    title:         what is found, in a few words.
    at:            where findings are traced to: the `source` of the object, or its line in `policies`.
    needs:         the extension without which the rule is left out.
    only_ours:     it makes the server plan or run what it finds, and is asked of our own database alone.
    sql:           a query over the views of dotbase.catalog.advice, giving schema, name, part, detail.
    """

    number: str
    name: str
    level: Level
    title: str
    why: str
    remedy: str
    at: str
    needs: str | None
    only_ours: bool
    sql: str


@dataclass(frozen=True)
class Finding:
    """One row of one rule: the interface of every output."""

    rule: Rule
    schema: str
    thing: str | None
    part: str | None
    detail: str

    @property
    def object(self) -> str:
        """What it was found on: `schema.table`, with column, policy or index behind it."""
        return ".".join(text for text in (self.schema, self.thing, self.part) if text)

    @property
    def key(self) -> str:
        """Names the finding across runs: what advise.yaml suppresses."""
        return f"{self.rule.number} {self.object}"


@cache
def rules() -> tuple[Rule, ...]:
    """All rules by number."""
    folder = resources.files("dotbase.advise").joinpath("rules")
    files = sorted((entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir())
    return tuple(_read(name, text) for name, text in files if name.endswith(".sql"))


def by_number() -> dict[str, Rule]:
    """All rules, to be found by number."""
    return {rule.number: rule for rule in rules()}


def _read(file: str, text: str) -> Rule:
    """A rule from its file; a header that says too little stops the tool, as it is ours."""
    named = FILE.fullmatch(file)
    if named is None:
        raise ValueError(f"{file}: a rule's file is named DBnnn_name.sql")
    head: dict[str, str] = {}
    lines = text.splitlines()
    last = ""
    while lines and lines[0].startswith("--"):
        line = lines.pop(0)
        if line.startswith(MORE):
            head[last] += " " + line.removeprefix(MORE).strip()
        elif (said := HEAD.fullmatch(line)) is not None:
            last = said[1]
            head[last] = said[2]
        else:
            raise ValueError(f"{file}: {line} is no line of a header")
    level = next(level for level in LEVELS if level == head["level"])
    return Rule(
        number=named[1],
        name=named[2],
        level=level,
        title=head["title"],
        why=head["why"],
        remedy=head["remedy"],
        at=head.get("at", "source"),
        needs=head.get("needs"),
        only_ours=head.get("only") == "scratch",
        sql="\n".join(lines).strip(),
    )
