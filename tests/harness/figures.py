"""What tests count: cells, attacks, inputs. Summed over all workers, printed at the end of a run."""

from __future__ import annotations

from collections import Counter

figures: Counter[str] = Counter()


def count(name: str, number: int = 1) -> None:
    """Add to the figure of this name, which is a plural: `count("cells executed", 12)`."""
    figures[name] += number
