"""Errors that templates raise by name, compared with errors.yaml: a misspelt one is an internal error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from dotbase.lint import Section
from dotbase.render.documents import load
from dotbase.render.project import Project
from dotbase.render.steps import Step

RAISED = re.compile(r"^(?:(?!--).)*?\bcore\.raise\(\s*(?:name\s*=>\s*)?'([^']*)'", re.MULTILINE)


def check(project: Project, steps: Iterable[Step]) -> Section:
    """Every literal name that some app's errors.yaml does not have."""
    known = {name for app in project.apps for name in _names(project, app)}
    found: dict[str, None] = {}
    for step in steps:
        for match in RAISED.finditer(step.sql):
            name = match[1]
            if name not in known:
                near = get_close_matches(name, known, 1)
                found[
                    f"{step.place_of(match.start(1))}: no errors.yaml has an error {name}; "
                    + (f"did you mean {near[0]}?" if near else "declare it or raise another.")
                ] = None
    return Section("raised errors", f"{len(known)} names", list(found))


def _names(project: Project, app: str) -> list[str]:
    path = project.root / "functions" / app / "errors.yaml"
    return list(load(path, project.root).data) if path.is_file() else []
