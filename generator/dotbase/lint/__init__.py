"""Lint: what a linter or the server's own checker finds in SQL, routines, declarations and Python."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Section:
    """What one linter looked at and what it found; or why it was left out."""

    name: str
    looked_at: str
    findings: list[str] = field(default_factory=list)
    left_out: str | None = None

    @property
    def verdict(self) -> str:
        """`clean`, `2 findings`, or the reason for which it was left out."""
        if self.left_out is not None:
            return f"left out: {self.left_out}"
        count = len(self.findings)
        return f"{count} finding{'s' if count > 1 else ''}" if count else "clean"
