"""What a person sees while a migration runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from dotbase.printable import echo, plain

if TYPE_CHECKING:
    from rich.progress import Progress


class Report(Protocol):
    """Where progress is told."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def step(self, label: str) -> None:
        """A piece of work begins."""

    def expect(self, pieces: int) -> None:
        """So many pieces of work are ahead."""


class Lines:
    """Plain lines, for CI and files."""

    def say(self, line: str) -> None:
        """A line that stays."""
        echo(plain(line))

    def step(self, label: str) -> None:
        """A piece of work begins."""
        echo(plain(f"  {label}"))

    def expect(self, pieces: int) -> None:
        """Nothing to tell."""


class Silent:
    """Tells nothing, for `--json` and tests."""

    def say(self, line: str) -> None:
        """Nothing."""

    def step(self, label: str) -> None:
        """Nothing."""

    def expect(self, pieces: int) -> None:
        """Nothing."""


class Bar:
    """A progress bar; lines stay above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def say(self, line: str) -> None:
        """A line that stays."""
        self._progress.console.print(plain(line), markup=False, highlight=False)

    def step(self, label: str) -> None:
        """A piece of work begins."""
        self._progress.update(self._task, advance=1, description=plain(label))

    def expect(self, pieces: int) -> None:
        """So many pieces of work are ahead."""
        self._progress.reset(self._task, total=pieces)


@contextmanager
def on_screen() -> Iterator[Report]:
    """A bar on a terminal, gone at the end; lines where there is no terminal, in CI and under NO_COLOR."""
    if not sys.stdout.isatty() or os.environ.get("CI") or os.environ.get("NO_COLOR"):
        yield Lines()
        return
    # Imported only now: it is a tenth of the start-up, and most migrations run where nobody looks.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    label = TextColumn("{task.description}", markup=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), label)
    with Progress(*columns, console=Console(), transient=True) as progress:
        yield Bar(progress)
