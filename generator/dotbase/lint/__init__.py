"""Lint: what a linter or the server's own checker finds in SQL, routines, declarations and Python."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Section:
    """What one linter looked at and what it found."""

    name: str
    looked_at: str
    findings: list[str] = field(default_factory=list)
