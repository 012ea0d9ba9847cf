"""Figures of a measurement: runs beside their floors, and what they are held to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One run: what we measured and the floor measured right beside it, in the same unit."""

    measured: float
    floor: float

    @property
    def ratio(self) -> float:
        """How many times the floor."""
        return self.measured / self.floor


@dataclass(frozen=True)
class Comparison:
    """Several runs of one thing beside its floor, and the bound that the median of the ratios keeps.

    plus: seconds that it may take beside that, for its start-up.
    """

    name: str
    floor_name: str
    unit: str
    runs: Sequence[Run]
    at_most: float | None = None
    at_least: float | None = None
    plus: float = 0

    @property
    def ratios(self) -> list[float]:
        """The ratios, smallest first."""
        return sorted(run.ratio for run in self.runs)

    @property
    def ratio(self) -> float:
        """The median of the ratios: runs and floors side by side, so that a busy machine hits both."""
        return statistics.median(self.ratios)

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        held = statistics.median((run.measured - self.plus) / run.floor for run in self.runs)
        return (self.at_most is None or held <= self.at_most) and (
            self.at_least is None or self.ratio >= self.at_least
        )

    @property
    def bound(self) -> str:
        """The bound, for people."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}" + (f" floors + {self.plus:g} {self.unit}" if self.plus else "")
        return "" if self.at_least is None else f"≥ {self.at_least:g}"


@dataclass(frozen=True)
class Peak:
    """The most private memory that one step took in a session of its own."""

    step: str
    tickets: int
    walkers: int
    kilobytes: int


def spread(values: Sequence[float], unit: str) -> str:
    """Median, and from smallest to largest."""
    digits = 0 if min(values) >= 100 else 2
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f}{unit} ({low:,.{digits}f} to {high:,.{digits}f})"
