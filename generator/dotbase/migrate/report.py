"""What a person sees while a migration runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click

from dotbase.printable import plain


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
        click.echo(plain(line))

    def step(self, label: str) -> None:
        """A piece of work begins."""
        click.echo(plain(f"  {label}"))

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


@contextmanager
def on_screen() -> Iterator[Report]:
    """A bar on a terminal; lines when the output is no terminal, in CI and under NO_COLOR."""
    if not sys.stdout.isatty() or os.environ.get("CI") or os.environ.get("NO_COLOR"):
        yield Lines()
        return
    # Imported only now: it is a tenth of the start-up, and most migrations run where nobody looks.
    from dotbase.migrate.bar import bar

    with bar() as shown:
        yield shown
