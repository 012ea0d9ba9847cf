"""Schedules of all kinds, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st


def values(smallest: int, largest: int) -> st.SearchStrategy[str]:
    """One field: any value, steps, single values, ranges, lists of them."""
    numbers = st.integers(smallest, largest)
    pairs = st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1])
    ranges = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.one_of(st.just("*"), ranges), st.integers(1, 12)).map(lambda p: f"{p[0]}/{p[1]}")
    parts = st.one_of(numbers.map(str), ranges, stepped)
    lists = st.lists(parts, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), lists)


SCHEDULES = st.tuples(values(0, 59), values(0, 23), values(1, 31), values(1, 12), values(0, 6)).map(" ".join)
