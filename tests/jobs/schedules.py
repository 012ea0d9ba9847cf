"""Schedules of all kinds and the zones whose clocks are put forward and back, for property tests."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st

from dotbase.render.declarations.schedule import parse

ZONES = [
    "Asia/Seoul",
    "UTC",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "America/St_Johns",
    "America/Sao_Paulo",  # jumped over midnight until 2018
    "Pacific/Apia",  # jumped over a day
    "Africa/Casablanca",  # a month a year, negative
    "Asia/Tehran",
]
DAYS = ["sun", "MON", "tue", "WED", "thu", "FRI", "sat"]
MONTHS = ["jan", "FEB", "mar", "APR", "may", "JUN", "jul", "AUG", "sep", "OCT", "nov", "DEC"]


def values(smallest: int, largest: int, *others: str) -> st.SearchStrategy[str]:
    """One field: any value, steps, single values, ranges, lists of them; others: what else it may say."""
    numbers = st.integers(smallest, largest)
    pairs = st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1])
    ranges = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    starts = st.one_of(st.just("*"), ranges, numbers.map(str))
    stepped = st.tuples(starts, st.integers(1, 12)).map(lambda p: f"{p[0]}/{p[1]}")
    parts = st.one_of(numbers.map(str), ranges, stepped)
    if others:
        parts = st.one_of(parts, st.sampled_from(others))
    lists = st.lists(parts, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), lists)


def allowed(schedule: str) -> bool:
    """Whether a declaration may say so."""
    try:
        parse(schedule)
    except ValueError:
        return False
    return True


SCHEDULES = (
    st.tuples(
        values(0, 59),
        values(0, 23),
        values(1, 31, "L", "LW"),
        values(1, 12, *MONTHS, "jan-mar", "OCT-DEC"),
        values(0, 7, *DAYS, "mon-fri", "5L", "0L", "1#2", "7#5"),
    )
    .map(" ".join)
    .filter(allowed)
)

# Around changes of the zones' clocks, leap days, ends of years, and anywhere.
EDGES = [
    datetime(2025, 3, 9),
    datetime(2025, 3, 30),
    datetime(2025, 4, 6),
    datetime(2025, 9, 28),
    datetime(2025, 10, 5),
    datetime(2025, 10, 26),
    datetime(2025, 11, 2),
    datetime(2018, 11, 4),
    datetime(2011, 12, 30),
    datetime(2024, 2, 29),
    datetime(2023, 12, 31),
    datetime(2026, 2, 15),
    datetime(2026, 3, 22),
    datetime(2021, 3, 22),
    datetime(2021, 9, 22),
]
MOMENTS = st.one_of(
    st.builds(
        lambda day, delta: day + delta,
        st.sampled_from(EDGES),
        st.timedeltas(-(EDGES[1] - EDGES[0]) / 14, (EDGES[1] - EDGES[0]) / 14),
    ),
    st.datetimes(datetime(2009, 1, 1), datetime(2036, 1, 1)),
)
