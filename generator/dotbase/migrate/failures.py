"""A step that the server refuses, as one sentence with the template's file and line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psycopg

from dotbase.errors import DotbaseError
from dotbase.render import sources
from dotbase.render.steps import Step

BUSY = frozenset({"55P03", "40P01"})
# A repeatable text that cannot take the place of what its older text made.
NOT_IN_PLACE = frozenset(
    {
        "42P13",  # other result, parameter names or defaults of a function
        "42P16",  # other columns of a view
        "42P07",  # the relation exists
        "42710",  # the type, trigger or policy exists
        "42723",  # the function exists
        "42725",  # beside its older signature the name alone says nothing
        "42809",  # a procedure where a function was
        "2BP01",  # others depend on it
        "0A000",  # a column's type that a view or policy uses
    }
)
# A versioned change that repeatable objects stand in the way of.
IN_THE_WAY = frozenset({"2BP01", "0A000"})
RACED = frozenset({"23505", "42710", "XX000"})
NO_SUCH_OBJECT = frozenset({"42704", "42P01", "42703", "42883", "3F000"})


class StepError(DotbaseError):
    """The server refused a step."""

    def __init__(self, what: str, remedy: str, where: str | None, sqlstate: str | None) -> None:
        super().__init__(what, remedy, where)
        self.sqlstate = sqlstate


class HaltedError(DotbaseError):
    """A migration that was refused behind a boundary: what came before is committed."""


class RacedError(StepError):
    """The bootstrap met the bootstrap of another database of the cluster: roles belong to all of them."""


def refused(step: Step, error: psycopg.Error, position: int) -> StepError:
    """The sentence for what the server said about a step's SQL, at this character of its text."""
    diagnostic = error.diag
    said = diagnostic.message_primary or str(error).strip() or type(error).__name__
    parts = [said, diagnostic.message_detail or "", diagnostic.message_hint or ""]
    what = " — ".join(part.strip().rstrip(".") for part in parts if part.strip())
    return StepError(what, _remedy(error.sqlstate), place(step, position), error.sqlstate)


def place(step: Step, position: int) -> str:
    """`file:line` of the template; the rendered line is looked up in the template's text."""
    path, part = step.file, "#" in step.key
    if part or not sources.is_sql(Path(path)):
        return step.place
    number = step.sql[:position].count("\n")
    with contextlib.suppress(OSError):
        rendered = step.sql.splitlines()
        template = step.source.read_text(encoding="utf-8").splitlines()
        text = rendered[number] if number < len(rendered) else ""
        same = [line for line, found in enumerate(template) if found == text]
        if same:
            return f"{path}:{min(same, key=lambda line: abs(line - number)) + 1}"
    return f"{path}:{number + 1}"


def _remedy(sqlstate: str | None) -> str:
    match sqlstate:
        case "58P01":
            return "install on the server what is missing and run migrate again"
        case "42501":
            return "run migrate as a role that may do this, or change the file"
        case "55P03" | "40P01":
            return "try again at a quieter time, or raise --lock-timeout"
        case "57014":
            return "run migrate again"
        case _:
            return "correct the file and run migrate again"
