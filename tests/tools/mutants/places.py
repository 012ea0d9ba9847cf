"""Every eligible place of the apps, as mutants: what is changed, where, into what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dotbase.render.steps import Step
from tests.harness.declared import APPS
from tests.tools.mutants.mutators import changes

AROUND = 24


@dataclass(frozen=True)
class Mutant:
    """One change of one rendered step. Found again by what stands around it, the how-manieth time."""

    kind: str
    app: str
    step: str  # its key
    line: int  # of the source file, or of the rendered step where the source has no such line
    before: str
    after: str
    routine: str  # the routine or table it is in, without its schema; empty: none
    around: str  # some of the text before it, itself, some of the text after
    occurrence: int  # of `around` in the step, from 0

    @property
    def file(self) -> str:
        """The source file, without the part of it that the step is."""
        return self.step.partition("#")[0]

    @property
    def name(self) -> str:
        """Its place and change in one line."""
        before, after = (" ".join(part.split()) or "nothing" for part in (self.before, self.after))
        return f"{self.file}:{self.line} {before} → {after}"

    def applied(self, step: Step) -> Step:
        """The step with this change; another step as it is."""
        if step.key != self.step:
            return step
        place = -1
        for _ in range(self.occurrence + 1):
            place = step.sql.find(self.around, place + 1)
            if place < 0:  # another project's file of the same name
                return step
        start = place + AROUND
        return replace(step, sql=step.sql[:start] + self.after + step.sql[start + len(self.before) :])

    def as_json(self) -> dict[str, Any]:
        """For the draw's file."""
        return asdict(self)


def eligible(steps: Sequence[Step]) -> Iterator[Mutant]:
    """Every mutant there could be, in the order of the steps; none of the bootstrap, the server's."""
    for step in steps:
        if step.kind == "bootstrap" or step.app not in APPS:
            continue
        source = step.source.read_text(encoding="utf-8")
        for kind, (start, before, after) in changes(step.sql):
            if start < AROUND:
                continue
            around = step.sql[start - AROUND : start + len(before) + AROUND]
            yield Mutant(
                kind,
                step.app,
                step.key,
                _line(step, source, start),
                before,
                after,
                _routine(step.sql, start),
                around,
                _occurrence(step.sql, around, start - AROUND),
            )


def _routine(sql: str, start: int) -> str:
    names = re.findall(
        r"^create (?:or replace )?(?:function|procedure|table|view) \w+\.(\w+)", sql[:start], re.M
    )
    return names[-1] if names else ""


def _occurrence(sql: str, around: str, start: int) -> int:
    count, place = 0, sql.find(around)
    while place < start:
        count, place = count + 1, sql.find(around, place + 1)
    return count


def _line(step: Step, source: str, start: int) -> int:
    """The source's line with the text of the rendered one, the one nearest to it."""
    number = step.sql.count("\n", 0, start + 1) + 1
    text = step.sql.splitlines()[number - 1].strip()
    if Path(step.source).suffix == ".yaml":
        return step.line
    lines = [place for place, line in enumerate(source.splitlines(), 1) if line.strip() == text]
    return min(lines, key=lambda line: abs(line - number), default=number)
