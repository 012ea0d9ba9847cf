"""What a process of pytest saw: coverage, the fixture's own answers, what clones cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.harness.coverage import Coverage, Statement


class Findings:
    """What this process, and under xdist its workers, saw."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self.statements: set[Statement] = set()
        self.own_answers: Counter[str] = Counter()
        self.clones = 0
        self.clone_seconds = 0.0
        self.kill_seeds: list[int] = []
        self.figures: Counter[str] = Counter()
        self.distinct: dict[str, set[str]] = {}

    def as_json(self) -> dict[str, Any]:
        """For the wire from a worker to its controller."""
        return {
            "coverage": self.coverage.as_json(),
            "statements": [s.as_json() for s in self.statements],
            "own_answers": dict(self.own_answers),
            "clones": self.clones,
            "clone_seconds": self.clone_seconds,
            "kill_seeds": self.kill_seeds,
            "figures": dict(self.figures),
            "distinct": {name: sorted(keys) for name, keys in self.distinct.items()},
        }

    def merge(self, value: dict[str, Any]) -> None:
        """Add a worker's findings."""
        self.coverage.merge(Coverage.from_json(value["coverage"]))
        self.statements.update(Statement.from_json(s) for s in value["statements"])
        self.own_answers.update(value["own_answers"])
        self.clones += value["clones"]
        self.clone_seconds += value["clone_seconds"]
        self.kill_seeds += value["kill_seeds"]
        self.figures.update(value["figures"])
        self.add_distinct(value["distinct"])

    def add_distinct(self, value: Mapping[str, Iterable[str]]) -> None:
        """Add what somebody counted once each."""
        for name, keys in value.items():
            self.distinct.setdefault(name, set()).update(keys)


FINDINGS = pytest.StashKey[Findings]()
