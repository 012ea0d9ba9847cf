"""Lint of what changed, by the linters of `dotbase lint`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dotbase.lint import Section, python, sql
from dotbase.migrate import squawk
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables

SOURCES = ("schema/", "functions/", "policies/", "cron/", "apps.yaml")


def sections(root: Path, changed: Collection[str]) -> list[Section]:
    """The Python of the project as a whole, and the SQL that is rendered of changed files."""
    project = Project(root)
    found = python.check(project) if any(path.endswith((".py", ".toml")) for path in changed) else []
    if any(path.startswith(SOURCES) for path in changed):
        steps = [step for step in render_steps(project, Variables()) if step.file in changed]
        found += [sql.raised_errors(project, steps), sql.style(project, steps, {})]
        versions = [step for step in steps if step.kind == "versioned"]
        warnings = [str(warning) for warning in squawk.warnings(versions)] if versions else []
        found.append(Section("squawk", f"{len(versions)} versions", warnings))
    return found
