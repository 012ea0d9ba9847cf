"""YAML with the line of every key, so that a message can say where a mistake stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dotbase.errors import DotbaseError

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """A YAML file: its data, and the line of every key and item."""

    path: Path
    name: str
    data: Any
    lines: dict[Place, int]

    def line(self, *place: str | int) -> int:
        """The line of a key, or of the nearest key around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def where(self, *place: str | int) -> str:
        """`file:line` of a key."""
        return f"{self.name}:{self.line(*place)}"


def _parse(text: str, lines: dict[Place, int], name: str, loader_class: Any) -> Any:
    """The data of a text, and in `lines` where each key of it stands."""
    loader = loader_class(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _mark(node, (), lines, name)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def load(path: Path, root: Path) -> Document:
    """Read a YAML file; broken YAML and a key that stands twice are refused with their line."""
    name = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DotbaseError(f"it cannot be read ({error})", "restore the file", name) from None
    lines: dict[Place, int] = {}
    try:
        try:
            data = _parse(text, lines, name, FAST)
        except yaml.YAMLError:
            # Its own words are fewer: the other one says what is wrong.
            lines.clear()
            data = _parse(text, lines, name, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        # What follows `*` or `&` outside of quotes is a name of YAML's own.
        remedy = "fix that line; quote what begins with * or &" if _is_name(error) else "fix that line"
        raise DotbaseError(f"the YAML is broken: {error.problem}", remedy, where) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2025-02-30
        raise DotbaseError(f"the YAML is broken: {error}", "fix the file", name) from None
    except RecursionError:
        raise DotbaseError("the YAML contains itself", "take the `*` out", name) from None
    return Document(path, name, {} if data is None else data, lines)


def _is_name(error: yaml.MarkedYAMLError) -> bool:
    return bool(error.context and re.search("an (alias|anchor)", error.context))


def _mark(node: yaml.Node, place: Place, lines: dict[Place, int], name: str) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            inner = (*place, str(key.value))
            if inner in lines:
                raise DotbaseError(
                    f"`{key.value}` stands twice, the first time in line {lines[inner]}",
                    "keep one of them",
                    f"{name}:{line}",
                )
            lines[inner] = line
            _mark(value, inner, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*place, number)] = value.start_mark.line + 1
            _mark(value, (*place, number), lines, name)


def validate(model: type[Model], document: Document, data: Any = None, place: Place = ()) -> Model:
    """The data as a model; the first mistake is refused with its line."""
    try:
        return model.model_validate(document.data if data is None else data)
    except ValidationError as error:
        # A key's wrong name says more than that the right one is missing.
        found = error.errors()
        first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        inner = (*place, *first["loc"])
        what = " ".join(str(part) for part in inner)
        message = first["msg"].removeprefix("Value error, ")
        raise DotbaseError(
            f"`{what}`: {message}" if what else message, "fix that entry", document.where(*inner)
        ) from None
