"""Where a finding comes from: the line of the template or YAML file that made its object."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dotbase.advise.rule import Finding
from dotbase.render import sources
from dotbase.render.documents import Document, load
from dotbase.render.project import Project

MADE = re.compile(
    r"^\s*create\s+(?:or\s+replace\s+)?(?:unlogged\s+|materialized\s+|foreign\s+)?"
    r"(?:table|view|function|procedure|type|sequence|schema)\s+(?:if\s+not\s+exists\s+)?"
    r"([a-z_][\w]*(?:\.\"?[a-z_]\w*\"?)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """A line of a file of the project."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Sources:
    """The project's templates and policies, read once."""

    def __init__(self, project: Project) -> None:
        self._texts: dict[str, list[str]] = {}
        self._made: dict[str, Place] = {}
        self._policies: dict[str, Document] = {}
        for layer in ("schema", "functions"):
            for path in sorted(filter(sources.is_sql, (project.root / layer).glob("*/*"))):
                if not sources.stem(path.name).endswith(sources.ROLLBACK):
                    self._read(project.relative(path), path.read_text(encoding="utf-8", errors="replace"))
        for app in project.apps:
            path = project.root / "policies" / f"{app}.yaml"
            if path.is_file():
                self._policies[app] = load(path, project.root)

    def _read(self, name: str, text: str) -> None:
        lines = text.splitlines()
        self._texts[name] = lines
        for number, line in enumerate(lines, start=1):
            made = MADE.match(line)
            if made is not None:
                self._made.setdefault(made[1].replace('"', ""), Place(name, number))

    def of(self, finding: Finding) -> Place | None:
        """The line behind a finding, or None for what no file of the project made."""
        thing = finding.thing or ""
        if finding.rule.at == "policies" and (place := self._declared(finding.schema, thing)):
            return place
        if not thing:
            return self._made.get(finding.schema)
        place = self._made.get(f"{finding.schema}.{thing}")
        if place is not None:
            return self._part(place, finding.part) if finding.part else place
        return self._rpc(thing)

    def _declared(self, schema: str, thing: str) -> Place | None:
        document = self._policies.get(schema)
        for section in ("tables", "functions", "rpcs"):
            if document is not None and (section, thing) in document.lines:
                return Place(document.name, document.line(section, thing))
        return None

    def _rpc(self, name: str) -> Place | None:
        """An RPC is made from its line."""
        for document in self._policies.values():
            for section in ("rpcs", "views"):
                if (section, name) in document.lines:
                    return Place(document.name, document.line(section, name))
        return None

    def _part(self, place: Place, part: str) -> Place:
        """The line that names a column, constraint, index or trigger: in the object's file, after it."""
        named = re.compile(rf"(?<![\w.]){re.escape(part)}\b")
        for number, line in enumerate(self._texts[place.file][place.line :], start=place.line + 1):
            if named.search(line):
                return Place(place.file, number)
        for file, lines in self._texts.items():
            for number, line in enumerate(lines, start=1):
                if named.search(line) and re.match(r"\s*(create|alter|add)\b", line, re.IGNORECASE):
                    return Place(file, number)
        return place
