"""advise.yaml: what the rules cannot know, and what is left as it is, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator

from dotbase.advise.rule import by_number
from dotbase.render.documents import Document, load, validate
from dotbase.render.project import Project
from dotbase.render.templates import Variables

FILE = "advise.yaml"
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=12)]
Qualified = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")]
Column = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*){2}$")]


class Suppression(BaseModel):
    """A finding that is left, why, and in which databases it is there at all."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason
    target: Literal["postgres", "supabase"] | None = None
    clock: Literal["real", "movable"] | None = None
    master_key: bool | None = None

    def holds(self, variables: Variables) -> bool:
        """Whether it is meant for this database."""
        return (
            self.target in (None, variables.target)
            and self.clock in (None, variables.clock)
            and self.master_key in (None, variables.master_key_file is not None)
        )


class Exceptions(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")
    exposed: list[str] = ["api"]
    registries: dict[Qualified, Reason] = {}
    partitions: dict[Qualified, Column] = {}
    suppress: dict[str, Suppression] = {}

    @field_validator("suppress", mode="before")
    @classmethod
    def _reason_alone(cls, value: Any) -> Any:
        """`key: reason` is short for `key: {reason: …}`."""
        if not isinstance(value, dict):
            return value
        return {k: {"reason": v} if isinstance(v, str) else v or {} for k, v in value.items()}

    @field_validator("suppress")
    @classmethod
    def _rules_exist(cls, value: dict[str, Suppression]) -> dict[str, Suppression]:
        for key in value:
            number, _, on = key.partition(" ")
            if number not in by_number() or not on:
                raise ValueError(f"`{key}` is no key of a finding: write `DBnnn schema.object`")
        return value


@dataclass(frozen=True)
class House:
    """What a project declares for the rules, with its lines."""

    declared: Exceptions = field(default_factory=Exceptions)
    document: Document | None = None

    def where(self, *place: str | int) -> str | None:
        """File and line of an entry."""
        return self.document.where(*place) if self.document else None


def read(project: Project) -> House:
    """The project's advise.yaml; without one, nothing is declared."""
    path = project.root / FILE
    if not path.is_file():
        return House()
    document = load(path, project.root)
    return House(validate(Exceptions, document), document)
