"""How deep the tests go: `make test` holds each rule, `make test-deep` looks for what breaks one seldom.

`@pytest.mark.deep` is for a test that only `make test-deep` runs, beside a smaller one of the same rule;
`@deeper` for one that goes further there, with numbers from `depth`.
"""

from __future__ import annotations

import os

import pytest

DEEP = os.environ.get("DEEP") == "1"
deeper = pytest.mark.deeper


def depth(usual: int, deep: int) -> int:
    """How many examples, transfers, months: usually, and in `make test-deep`."""
    return deep if DEEP else usual


def chosen(item: pytest.Item) -> bool:
    """Whether a test is of this run: in `make test-deep` only what other runs do not do, or do less of."""
    is_deep, is_deeper = (item.get_closest_marker(name) is not None for name in ("deep", "deeper"))
    return is_deep or is_deeper if DEEP else not is_deep
