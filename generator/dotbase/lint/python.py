"""ruff and mypy --strict on the project's Python, as pyproject.toml configures them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dotbase.errors import DotbaseError
from dotbase.lint import Section
from dotbase.render.project import Project

COMMANDS = {
    "ruff check": ["ruff", "check", "--quiet", "--output-format", "concise", "."],
    "ruff format": ["ruff", "format", "--quiet", "--check", "--output-format", "concise", "."],
    "mypy --strict": ["mypy", "--no-error-summary"],
}


def check(project: Project) -> list[Section]:
    """One section a command; nothing for a project without Python of its own."""
    if not (project.root / "pyproject.toml").is_file():
        return []
    return [_run(project, name, command) for name, command in COMMANDS.items()]


def _run(project: Project, name: str, command: list[str]) -> Section:
    binary = Path(sys.executable).parent / command[0]
    try:
        result = subprocess.run(
            [str(binary), *command[1:]], capture_output=True, text=True, check=False, cwd=project.root
        )
    except FileNotFoundError:
        raise DotbaseError(f"{command[0]} is not installed", "run `make setup`") from None
    section = Section(name, "the project's Python")
    if result.returncode:
        said = (result.stdout + result.stderr).strip().splitlines()
        section.findings = said or [f"{name} failed without a word"]
    return section
