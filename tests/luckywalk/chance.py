"""Whether what was counted could be chance: the upper tail of the chi-square distribution."""

from __future__ import annotations

import math


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(chi-square with this many degrees of freedom >= statistic)."""
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return 1 - scale * _series(a, x)
    return scale * _fraction(a, x)


def _series(a: float, x: float) -> float:
    """The lower incomplete gamma function without its scale."""
    term = total = 1 / a
    n = 1
    while term > total * 1e-17:
        term *= x / (a + n)
        total += term
        n += 1
    return total


def _fraction(a: float, x: float) -> float:
    """The upper incomplete gamma function without its scale: its continued fraction, from the back."""
    value = 0.0
    for n in range(2000, 0, -1):
        value = n * (n - a) / (x + 2 * n + 1 - a - value)
    return 1 / (x + 1 - a - value)


def normal_tails(deviations: float) -> float:
    """P(a normal variable is at least this many standard deviations away, on either side)."""
    return math.erfc(abs(deviations) / math.sqrt(2))
