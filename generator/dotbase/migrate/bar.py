"""A migration's progress on a terminal: a bar, with the lines that stay above it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dotbase.printable import plain


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
        self._progress.update(self._task, advance=1, description=escape(plain(label)))

    def expect(self, pieces: int) -> None:
        """So many pieces of work are ahead."""
        self._progress.reset(self._task, total=pieces)


@contextmanager
def bar() -> Iterator[Bar]:
    """A bar that is gone when the migration is over."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(), transient=True) as progress:
        yield Bar(progress)
