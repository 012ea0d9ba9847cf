"""errors.yaml: the errors that clients may be told."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from dotbase.errors import DotbaseError
from dotbase.render.declarations import call
from dotbase.render.documents import Document, validate

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Sentence = Annotated[str, StringConstraints(min_length=1)]


class DeclaredError(BaseModel):
    """One error: SQLSTATE for SQL users, status and texts for clients, constraints that mean it.

    retry_after: seconds after which the client may try again; none where that would not help.
    """

    model_config = ConfigDict(extra="forbid")
    sqlstate: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{5}$")]
    status: Annotated[int, Field(ge=400, le=599)]
    en: Sentence
    ko: Sentence
    hint: Sentence
    constraints: list[str] = []
    retry_after: Annotated[int, Field(ge=1, le=3600)] | None = None


class Errors(RootModel[dict[Name, DeclaredError]]):
    """The errors of one app by name."""


class AllErrors:
    """The errors of all apps: names and SQLSTATEs stand once in all of them, constraints once in each."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], str] = {}

    def sql(self, app: str, document: Document) -> str:
        """Check an app's errors.yaml and render it."""
        errors = validate(Errors, document).root
        for name, error in errors.items():
            # Core alone says which of the server's own errors reach a client, and as what.
            if app != "core" and not error.sqlstate.startswith("Z"):
                raise DotbaseError(
                    f"SQLSTATE {error.sqlstate} is of a class that the server may use",
                    "begin it with Z, as in ZP001",
                    document.where(name, "sqlstate"),
                )
            self._take("error", name, document.where(name))
            self._take("SQLSTATE", error.sqlstate, document.where(name, "sqlstate"))
            for constraint in error.constraints:
                self._take("constraint", f"{app}.{constraint}", document.where(name, "constraints"))
        return call(
            "core.declare_errors",
            app,
            [
                {
                    "name": name,
                    "sqlstate": error.sqlstate,
                    "status": error.status,
                    "message_en": error.en,
                    "message_ko": error.ko,
                    "hint": error.hint,
                    "constraints": error.constraints,
                    **({} if error.retry_after is None else {"retry_after": error.retry_after}),
                }
                for name, error in errors.items()
            ],
        )

    def _take(self, kind: str, value: str, where: str) -> None:
        first = self._taken.setdefault((kind, value), where)
        if first != where:
            raise DotbaseError(
                f"{kind} {value} is declared already, at {first}", "give one of them another", where
            )
