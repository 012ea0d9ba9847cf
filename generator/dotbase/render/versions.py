"""Versioned DDL: rendered files, read, ordered and paired with their rollbacks by yoyo-migrations."""

from __future__ import annotations

import hashlib
import itertools
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yoyo import read_migrations
from yoyo.migrations import topological_sort

from dotbase.errors import DotbaseError
from dotbase.render import sources
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Renderer

BOOTSTRAP = "bootstrap"  # of core: no version
NAME = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z][a-z0-9_]*)(?P<rollback>\.rollback)?\Z")
DIRECTIVE = re.compile(r"^--\s*(transactional|boundary|depends)\s*:\s*(.*?)\s*$")


@dataclass(frozen=True)
class Files:
    """A version's file and its rollback's."""

    app: str
    path: Path
    rollback: Path


def versioned_steps(project: Project, renderer: Renderer) -> list[Step]:
    """The versioned steps of all apps in the order in which they were made: that of their numbers."""
    files = _all_files(project)
    rendered = {version: renderer.render(one.path, one.app) for version, one in files.items()}
    rollbacks = {version: renderer.render(one.rollback, one.app) for version, one in files.items()}
    directives = {
        version: _directives(text, project.relative(files[version].path))
        for version, text in rendered.items()
    }
    for version, found in directives.items():
        for needed in found.get("depends", "").split():
            _check_dependency(project, version, needed, files)
    return [
        _step(project, version, files[version], rendered[version], rollbacks[version], directives[version])
        for version in _order(rendered, rollbacks)
    ]


def number(version: str) -> int:
    """The NNNN of `<app>.NNNN_name`."""
    found = re.match(r"[^.]+\.(\d+)", version)
    return int(found[1]) if found else 0


def next_number(project: Project) -> int:
    """The number of the version that is made next, in whichever app."""
    return max(map(number, _all_files(project)), default=0) + 1


def _all_files(project: Project) -> dict[str, Files]:
    """The versions of all apps; a number stands once in all of them, since it says which was made first."""
    found: dict[str, Files] = {}
    numbers: dict[str, Path] = {}
    for app in project.apps:
        for name, one in _files(project, app).items():
            first = numbers.setdefault(name[:4], one.path)
            if first != one.path:
                raise DotbaseError(
                    f"version {name[:4]} stands twice, also as {project.relative(first)}",
                    f"give the newer one the next number, {max(map(int, numbers)) + 1:04}",
                    project.relative(one.path),
                )
            found[f"{app}.{name}"] = one
    return found


def _files(project: Project, app: str) -> dict[str, Files]:
    paths = sources.by_stem(project, project.root / "schema" / app)
    found = {}
    for name, path in paths.items():
        if (app, name) == ("core", BOOTSTRAP):
            continue
        match = NAME.match(name)
        if match is None:
            raise DotbaseError(
                "the file's name is not `NNNN_name.sql`",
                "rename it: four digits, then lower-case words joined by underscores",
                project.relative(path),
            )
        if match["rollback"]:
            forward = name.removesuffix(sources.ROLLBACK)
            if forward not in paths:
                raise DotbaseError(
                    "the rollback has no versioned file",
                    f"add {forward}{sources.PLAIN} or delete it",
                    project.relative(path),
                )
            continue
        rollback = paths.get(name + sources.ROLLBACK)
        if rollback is None:
            raise DotbaseError(
                "the versioned file has no rollback",
                f"write {name}{sources.ROLLBACK}{sources.PLAIN} beside it",
                project.relative(path),
            )
        found[name] = Files(app, path, rollback)
    return found


def _check_dependency(project: Project, version: str, needed: str, files: Mapping[str, Files]) -> None:
    path = files[version].path
    where = f"{project.relative(path)}:{_line_of(needed, path)}"
    if needed not in files:
        raise DotbaseError(
            f"it depends on version {needed}, which does not exist",
            "name a version as `app.NNNN_name`",
            where,
        )
    if number(needed) >= number(version):
        raise DotbaseError(
            f"it depends on version {needed}, which was made later",
            f"give it a number after {number(needed):04}, or take the line out",
            where,
        )


def _directives(text: str, where: str) -> dict[str, str]:
    """The leading comment lines that say how a file is run."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        match = DIRECTIVE.match(line)
        if match:
            found[match[1]] = f"{found[match[1]]} {match[2]}" if match[1] in found else match[2]
    if found.get("transactional", "true") not in ("true", "false"):
        raise DotbaseError("`-- transactional:` takes true or false", "write one of them", f"{where}:1")
    if found.get("transactional") == "false" and "boundary" not in found:
        raise DotbaseError(
            "a file outside of a transaction stands at a boundary without a name",
            "add a line `-- boundary: name` to its head",
            f"{where}:1",
        )
    return found


def _line_of(text: str, path: Path) -> int:
    """The first comment line of a template that says this; its first line when a macro says it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if line.startswith("--") and text in line), 1)


def _order(rendered: Mapping[str, str], rollbacks: Mapping[str, str]) -> list[str]:
    """yoyo's order: topological, and by name where nothing depends; the number goes in front of the name."""
    if not rendered:
        return []
    with tempfile.TemporaryDirectory(prefix="dotbase-versions-") as folder:
        names = {version: f"{number(version):04}.{version}" for version in rendered}
        for version, name in names.items():
            text = _head(rendered[version])
            for needed in _directives(text, name).get("depends", "").split():
                text = text.replace(needed, names[needed], 1)
            (Path(folder) / f"{name}.sql").write_text(text, encoding="utf-8")
            (Path(folder) / f"{name}{sources.ROLLBACK}.sql").write_text(
                _head(rollbacks[version]), encoding="utf-8"
            )
        by_name = {name: version for version, name in names.items()}
        migrations: Any = read_migrations(folder)
        return [by_name[migration.id] for migration in topological_sort(list(migrations))]


def _head(text: str) -> str:
    """The leading comments, where directives stand: yoyo would cut all that follows into statements."""
    lines = itertools.takewhile(lambda line: line.startswith("--"), text.splitlines())
    return "\n".join([*lines, "select 1;\n"])


def _step(
    project: Project, version: str, files: Files, text: str, rollback: str, directives: Mapping[str, str]
) -> Step:
    return Step(
        key=sources.key(project, files.path),
        app=files.app,
        kind="versioned",
        source=files.path,
        line=1,
        sql=text,
        source_sha=hashlib.sha256(files.path.read_bytes()).hexdigest(),
        version=version,
        rollback_sql=rollback,
        rollback_source=files.rollback,
        transactional=directives.get("transactional", "true") == "true",
        boundary=directives.get("boundary"),
    )
