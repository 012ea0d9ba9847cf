"""What was perhaps meant, as PostgREST finds it: Haskell's `fuzzyset` with its usual settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import sqrt

from tests.harness.schema_cache import SchemaCache

SIZES = (3, 2)  # of grams; the smaller only where the larger find nothing
LEAST = 0.33
CANDIDATES = 50


def of_call(cache: SchemaCache, rpc: str, keys: Iterable[str]) -> str | None:
    """A function of a similar name, or of this name with similar arguments."""
    named = cache.routines.get(rpc, [])
    if named:
        arguments = nearest(_list(keys), [_list(p.name for p in routine.parameters) for routine in named])
        meant = None if arguments is None else f"{rpc}{arguments}"
    else:
        meant = nearest(rpc, cache.routines)
    return meant and f"Perhaps you meant to call the function {cache.schema}.{meant}"


def of_relation(cache: SchemaCache, name: str) -> str | None:
    """A table or view of a similar name."""
    meant = nearest(name, cache.relations)
    return meant and f"Perhaps you meant the table '{cache.schema}.{meant}'"


def _list(names: Iterable[str]) -> str:
    return f"({', '.join(sorted(names))})"


def nearest(wanted: str, names: Iterable[str]) -> str | None:
    """The name that is most like what was wanted, or None when none is like it."""
    known = {name.lower(): name for name in names}
    if wanted.lower() in known:
        return known[wanted.lower()]
    for size in SIZES:
        ours = _grams(wanted, size)
        alike = [(_cosine(ours, _grams(name, size)), name) for name in known]
        best = sorted((one for one in alike if one[0] > 0), reverse=True)[:CANDIDATES]
        scored = [(_likeness(wanted.lower(), name), name) for _, name in best]
        found = max(scored, key=lambda one: one[0], default=(0.0, ""))
        if found[0] >= LEAST:
            return known[found[1]]
    return None


def _grams(text: str, size: int) -> Counter[str]:
    """Its parts of this many characters, between dashes; underscores count for nothing."""
    kept = "".join(c for c in text.lower() if c.isalnum() or c in " ,")
    enclosed = f"-{kept}-".ljust(size, "-")
    return Counter(enclosed[place : place + size] for place in range(len(enclosed) - size + 1))


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    product = sum(number * other[gram] for gram, number in one.items())
    lengths = (sqrt(sum(n * n for n in grams.values())) for grams in (one, other))
    return product / (next(lengths) * next(lengths))


def _likeness(one: str, other: str) -> float:
    """1 for the same text, 0 for texts that have nothing in common: by Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return 1 - row[-1] / max(len(one), len(other), 1)
