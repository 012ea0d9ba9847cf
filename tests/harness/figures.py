"""What tests count: cells, attacks, inputs. Summed over all workers, printed at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

figures: Counter[str] = Counter()
# By figure: what was counted, for those where one thing comes more than once.
distinct: dict[str, set[str]] = {}


def count(name: str, number: int = 1) -> None:
    """Add to the figure of this name, which is a plural: `count("cells executed", 12)`."""
    figures[name] += number


def count_once(name: str, keys: Iterable[str]) -> None:
    """Add what these keys name to the figure, unless it is in there already, of whichever worker."""
    distinct.setdefault(name, set()).update(keys)
