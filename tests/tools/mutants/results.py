"""What became of each mutant, a line a trial, so that a run can be resumed; the newest trial counts."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any


class Results:
    """The file of results."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.by_number: dict[int, dict[str, Any]] = {}
        self._survived_once: set[int] = set()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._take(entry)

    @property
    def first_survivors(self) -> int:
        """How many survived a trial, also where a test written since kills them."""
        return len(self._survived_once)

    def killers(self) -> list[str]:
        """The tests of which mutants died."""
        tests = (str(entry["by"]) for entry in self.by_number.values() if entry["by"])
        return sorted({test.removesuffix(" (setup)").removesuffix(" (teardown)") for test in tests})

    def _take(self, entry: dict[str, Any]) -> None:
        self.by_number[entry["number"]] = entry
        if entry["outcome"] == "survived":
            self._survived_once.add(entry["number"])

    def to_do(self, number: int, again: bool) -> bool:
        """Not run yet, or broken; with `again` those that survived, too."""
        outcome = self.by_number.get(number, {"outcome": "broken"})["outcome"]
        return outcome == "broken" or (again and outcome == "survived")

    def add(self, number: int, result: dict[str, Any]) -> None:
        """Written down at once."""
        entry = {"number": number, **result}
        with self._lock:
            self._take(entry)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")
