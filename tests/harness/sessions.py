"""What a run of the tests started, the last run that uses it stops: nothing is left running.

Runs may overlap, and share their servers. What ran before the first of them began is left running.
"""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import IO

from dotbase import cluster
from tests.harness.server import CLUSTERS, KEPT, ROOT, named


class Session:
    """One run of pytest, from its first test to its end; with xdist its controller's."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        path = root / ".dotbase" / "tests-running"
        path.parent.mkdir(exist_ok=True)
        self._file: IO[str] = path.open("a+")
        while not self._joined():
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _joined(self) -> bool:
        """The first run writes down what runs already; the others rely on it."""
        # A run that was killed leaves its list behind: then what it started is stopped at the next end.
        if self._alone() and self._read() is None:
            self._write(sorted(name for name in names() if self._runs(name)))
        fcntl.flock(self._file, fcntl.LOCK_SH)
        return self._read() is not None

    def close(self) -> list[str]:
        """Stop what runs began with; which clusters these were. The last one that leaves does it."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        try:
            return self._stop() if self._alone() else []
        finally:
            self._file.close()

    def _stop(self) -> list[str]:
        found = self._read() or []
        stopped = []
        for name in names():
            if name in found or not cluster.status(name, self._root).exists:
                continue
            if self._runs(name):
                stopped.append(name)
            if name in map(named, KEPT):
                cluster.stop(name, self._root)
            else:
                cluster.destroy(name, self._root)
        self._write(None)
        return stopped

    def _runs(self, name: str) -> bool:
        return cluster.status(name, self._root).running

    def _alone(self) -> bool:
        """Whether no other run is under way; then this one holds the file for itself."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _read(self) -> list[str] | None:
        """What ran before; None when no run has begun."""
        self._file.seek(0)
        text = self._file.read()
        return list(json.loads(text)) if text else None

    def _write(self, found: list[str] | None) -> None:
        self._file.truncate(0)
        if found is not None:
            self._file.write(json.dumps(found))
        self._file.flush()


def names() -> list[str]:
    """The clusters that tests may start, scratch ones before those that they belong to."""
    every = [named(name) for name in CLUSTERS]
    return [*(cluster.scratch(name) for name in every), *every]
