"""Durations in declarations: a whole number and its unit, as in `90s`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

DURATION = re.compile(r"^(\d{1,6})\s*(s|min|h|d)\Z")
UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def _duration(text: Any) -> Any:
    match = DURATION.match(str(text))
    if match is None or not int(match[1]):
        raise ValueError(f"{text} is no duration; it is a whole number, more than 0, and s, min, h or d: 90s")
    return text


def _wait(text: Any) -> Any:
    return "0s" if text in (0, "0") else text if text == "0s" else _duration(text)


Duration = Annotated[str, BeforeValidator(_duration)]
# May be none at all: 0.
Wait = Annotated[str, BeforeValidator(_wait)]


def interval(text: str) -> str:
    """A duration as Postgres reads it."""
    match = DURATION.match(text)
    assert match is not None
    return f"{match[1]} {UNITS[match[2]]}"


def seconds(text: str) -> int:
    """How long it is."""
    match = DURATION.match(text)
    assert match is not None
    return int(match[1]) * SECONDS[match[2]]
