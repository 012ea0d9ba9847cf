"""A right as it is given: one form for the statement that gives it and for what the catalog must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dotbase.render.identifiers import qualified, quoted


@dataclass(frozen=True)
class Grant:
    """A privilege of a role on an object of a schema, or on the schema; columns: on these alone."""

    privilege: str
    kind: Literal["schema", "relation", "routine"]
    schema: str
    name: str
    role: str
    columns: tuple[str, ...] | None = None

    @property
    def target(self) -> str:
        """What it is on, as the catalog's names go: without quotes."""
        return self.schema if self.kind == "schema" else f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The statement that gives it."""
        columns = ""
        if self.columns is not None:
            columns = " (\n    " + ",\n    ".join(map(quoted, self.columns)) + "\n)"
        on = quoted(self.schema) if self.kind == "schema" else qualified(self.schema, self.name)
        kind = "" if self.kind == "relation" else f"{self.kind} "
        return f"grant {self.privilege}{columns} on {kind}{on} to {quoted(self.role)};"


def usage(schema: str, role: str) -> Grant:
    """What every other right is of no use without."""
    return Grant("usage", "schema", schema, schema, role)
