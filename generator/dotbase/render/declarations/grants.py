"""A right as it is given: one form for the statement that gives it and for what the catalog must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Grant:
    """A privilege of a role on `schema.name`, or on a schema; columns: on these alone."""

    privilege: str
    kind: Literal["schema", "relation", "routine"]
    target: str
    role: str
    columns: tuple[str, ...] | None = None

    @property
    def sql(self) -> str:
        """The statement that gives it."""
        columns = "" if self.columns is None else " (\n    " + ",\n    ".join(self.columns) + "\n)"
        kind = "" if self.kind == "relation" else f"{self.kind} "
        return f"grant {self.privilege}{columns} on {kind}{self.target} to {self.role};"


def usage(schema: str, role: str) -> Grant:
    """What every other right is of no use without."""
    return Grant("usage", "schema", schema, role)
