"""Declared lanes against the database: the functions that get their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dotbase.catalog.routines import Routine
from dotbase.errors import DotbaseError
from dotbase.render.documents import load
from dotbase.render.project import Project

# What outbox.call_result_function hands over.
ARGUMENT = "outbox.result[]"

Routines = Mapping[tuple[str, str], list[Routine]]


def errors(app: str, project: Project, routines: Routines) -> Iterator[DotbaseError]:
    """What is wrong with the result functions of an app's lanes. `routines`: by schema and name."""
    path = project.root / "functions" / app / "lanes.yaml"
    if not path.is_file():
        return
    document = load(path, project.root)
    for name, lane in document.data.items():
        function = lane.get("result_function")
        if function is not None:
            where = document.where(name, "result_function")
            yield from _function(where, f"{app}.{function}", routines.get((app, function), []))


def _function(where: str, name: str, overloads: list[Routine]) -> Iterator[DotbaseError]:
    if not overloads:
        yield DotbaseError(f"function {name} does not exist", "make it, rename the line, or delete it", where)
    elif len(overloads) > 1:
        yield DotbaseError(
            f"there are {len(overloads)} functions {name}",
            "give the lane's function a name of its own",
            where,
        )
    elif not overloads[0].arguments.endswith(ARGUMENT) or "," in overloads[0].arguments:
        yield DotbaseError(
            f"{name}({overloads[0].arguments}) does not take results",
            f"let it have one argument, {ARGUMENT}: a function gets the results of many messages at once",
            where,
        )
    elif overloads[0].result != "void":
        yield DotbaseError(
            f"{name} returns {overloads[0].result or 'nothing, as procedures do'}",
            "let it return void: nobody would see what it returns",
            where,
        )
