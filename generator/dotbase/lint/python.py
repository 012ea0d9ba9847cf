"""ruff, mypy --strict and import-linter on the project's Python, as pyproject.toml and .importlinter say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dotbase.errors import DotbaseError
from dotbase.lint import Section
from dotbase.render.project import Project

COMMANDS = {
    "ruff check": ["ruff", "check", "--quiet", "--output-format", "concise", "."],
    "ruff format": ["ruff", "format", "--quiet", "--check", "--output-format", "concise", "."],
    "mypy --strict": ["mypy", "--no-error-summary"],
}
CONTRACTS = ".importlinter"
IMPORTS = ["lint-imports", "--no-cache", "--no-logo", CONTRACTS]
BROKEN = "Broken contracts"
# A finding is a line: import-linter breaks lines where it sees no terminal, too.
WIDE = {"COLUMNS": "1000"}


def check(project: Project) -> list[Section]:
    """One section a command; nothing for a project without Python of its own."""
    if not (project.root / "pyproject.toml").is_file():
        return []
    return [*(_section(project, name, command) for name, command in COMMANDS.items()), imports(project)]


def imports(project: Project) -> Section:
    """Imports that the layers of the contract file forbid."""
    section = Section("import-linter", "the project's Python")
    if not (project.root / CONTRACTS).is_file():
        section.left_out = f"the project has no {CONTRACTS}"
        return section
    code, said = _run(project, IMPORTS)
    if code:
        # Before the broken contracts come figures; a contract file that cannot be read is told without them.
        lines = said[said.index(BROKEN) + 1 :] if BROKEN in said else said
        section.findings = [line for line in lines if line.strip("- ")]
    return section


def _section(project: Project, name: str, command: Sequence[str]) -> Section:
    section = Section(name, "the project's Python")
    code, said = _run(project, command)
    if code:
        section.findings = said or [f"{name} failed without a word"]
    return section


def _run(project: Project, command: Sequence[str]) -> tuple[int, list[str]]:
    """The exit code, and the lines of what it says."""
    binary = Path(sys.executable).parent / command[0]
    try:
        result = subprocess.run(
            [str(binary), *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=project.root,
            env=os.environ | WIDE,
        )
    except FileNotFoundError:
        raise DotbaseError(f"{command[0]} is not installed", "run `make setup`") from None
    return result.returncode, (result.stdout + result.stderr).strip().splitlines()
