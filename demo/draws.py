"""The lottery's published draws: number, date and the six winning numbers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

DRAWS_FILE = Path(__file__).parent / "data" / "lotto645_draws.csv"


@dataclass(frozen=True)
class Draw:
    """One draw; it stands on a Saturday."""

    number: int
    day: date
    numbers: tuple[int, ...]

    @property
    def mask(self) -> int:
        """Bit n is set for each winning number n."""
        return sum(1 << number for number in self.numbers)


def latest(count: int, path: Path = DRAWS_FILE) -> list[Draw]:
    """The latest draws of the file, oldest first."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))[-count:]
    return [
        Draw(
            int(row["draw_no"]),
            date.fromisoformat(row["draw_date"]),
            tuple(int(row[f"n{place}"]) for place in range(1, 7)),
        )
        for row in rows
    ]
