"""Versioned DDL: rendered files, read, ordered and paired with their rollbacks by yoyo-migrations."""

from __future__ import annotations

import hashlib
import itertools
import re
import tempfile
from pathlib import Path
from typing import Any

from yoyo import exceptions as yoyo_errors
from yoyo import read_migrations
from yoyo.migrations import topological_sort

from dotbase.errors import DotbaseError
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import SUFFIX, Renderer

ROLLBACK = ".rollback"
BOOTSTRAP = f"bootstrap{SUFFIX}"  # of core: no version
FILE = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z][a-z0-9_]*)(?P<rollback>\.rollback)?\.sql\.j2$")
DIRECTIVE = re.compile(r"^--\s*(transactional|boundary|depends)\s*:\s*(.*?)\s*$")


def versioned_steps(project: Project, renderer: Renderer) -> list[Step]:
    """The versioned steps of all apps in the order in which they are applied."""
    sources = {
        f"{app}.{path.name.removesuffix(SUFFIX)}": (app, path)
        for app in project.apps
        for path in _files(project, app)
    }
    rendered = {version: renderer.render(path, app) for version, (app, path) in sources.items()}
    rollbacks = {
        version: renderer.render(_rollback_of(path), app) for version, (app, path) in sources.items()
    }
    directives = {
        version: _directives(text, project.relative(sources[version][1]))
        for version, text in rendered.items()
    }
    for version, found in directives.items():
        for needed in found.get("depends", "").split():
            if needed not in sources:
                raise DotbaseError(
                    f"it depends on version {needed}, which does not exist",
                    "name a version as `app.NNNN_name`",
                    f"{project.relative(sources[version][1])}:{_line_of(needed, sources[version][1])}",
                )
    order = _order(project, rendered, rollbacks, sources)
    return [
        _step(project, version, *sources[version], rendered[version], rollbacks[version], directives[version])
        for version in order
    ]


def _files(project: Project, app: str) -> list[Path]:
    folder = project.root / "schema" / app
    numbers: dict[str, Path] = {}
    found = []
    for path in sorted([*folder.glob("*.sql"), *folder.glob(f"*{SUFFIX}")]):
        if (app, path.name) == ("core", BOOTSTRAP):
            continue
        match = FILE.match(path.name)
        if match is None:
            raise DotbaseError(
                "the file's name is not `NNNN_name.sql.j2`",
                "rename it: four digits, then lower-case words joined by underscores",
                project.relative(path),
            )
        if match["rollback"]:
            forward = path.with_name(path.name.replace(ROLLBACK, ""))
            if not forward.is_file():
                raise DotbaseError(
                    "the rollback has no versioned file",
                    f"add {forward.name} or delete it",
                    project.relative(path),
                )
            continue
        first = numbers.setdefault(match["number"], path)
        if first != path:
            raise DotbaseError(
                f"version {match['number']} of app {app} stands twice, also in {first.name}",
                "give the newer one the next number",
                project.relative(path),
            )
        if not _rollback_of(path).is_file():
            raise DotbaseError(
                "the versioned file has no rollback",
                f"write {_rollback_of(path).name} beside it",
                project.relative(path),
            )
        found.append(path)
    return found


def _rollback_of(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(SUFFIX) + ROLLBACK + SUFFIX)


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


def _order(
    project: Project,
    rendered: dict[str, str],
    rollbacks: dict[str, str],
    sources: dict[str, tuple[str, Path]],
) -> list[str]:
    """yoyo's order: topological over `depends`, else by app and number."""
    if not rendered:
        return []
    with tempfile.TemporaryDirectory(prefix="dotbase-versions-") as folder:
        # yoyo sorts by name where nothing depends: the place of the app goes in front of it.
        names = {version: _file_name(project, version, sources[version][0]) for version in rendered}
        for version, name in names.items():
            text = _head(rendered[version])
            for needed in _directives(text, name).get("depends", "").split():
                text = text.replace(needed, names[needed], 1)
            (Path(folder) / f"{name}.sql").write_text(text, encoding="utf-8")
            (Path(folder) / f"{name}{ROLLBACK}.sql").write_text(_head(rollbacks[version]), encoding="utf-8")
        by_name = {name: version for version, name in names.items()}
        migrations: Any = read_migrations(folder)
        try:
            ordered = [by_name[migration.id] for migration in topological_sort(list(migrations))]
        except (yoyo_errors.BadMigration, ValueError) as error:
            circle = next(iter(version for version in rendered if names[version] in str(error)), None)
            where = "schema"
            if circle:
                where = f"{project.relative(sources[circle][1])}:{_line_of('depends', sources[circle][1])}"
            raise DotbaseError(
                "the versions depend on each other in a circle", "take one `-- depends:` out", where
            ) from None
    return ordered


def _head(text: str) -> str:
    """The leading comments, where directives stand: yoyo would cut all that follows into statements."""
    lines = itertools.takewhile(lambda line: line.startswith("--"), text.splitlines())
    return "\n".join([*lines, "select 1;\n"])


def _file_name(project: Project, version: str, app: str) -> str:
    return f"{project.apps.index(app):03}.{version}"


def _step(
    project: Project,
    version: str,
    app: str,
    path: Path,
    text: str,
    rollback: str,
    directives: dict[str, str],
) -> Step:
    return Step(
        key=project.relative(path),
        app=app,
        kind="versioned",
        source=path,
        line=1,
        sql=text,
        source_sha=hashlib.sha256(path.read_bytes()).hexdigest(),
        version=version,
        rollback_sql=rollback,
        transactional=directives.get("transactional", "true") == "true",
        boundary=directives.get("boundary"),
    )
