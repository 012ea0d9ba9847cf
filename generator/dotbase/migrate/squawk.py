"""Squawk's warnings about pending versioned DDL: what would lock the world or lose data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotbase.errors import DotbaseError
from dotbase.render.steps import Step

# Matters of style, or what migrate does itself: timeouts, all or nothing.
NOT_ABOUT_DANGER = (
    "prefer-",
    "require-lock-timeout",
    "require-statement-timeout",
    "require-table-schema",
    "ban-char-field",
    "ban-create-domain-with-constraint",
    "identifier-too-long",
    "syntax-error",
)


@dataclass(frozen=True)
class Danger:
    """One warning, at a line of the template's rendered text."""

    file: str
    line: int
    rule: str
    message: str
    help: str | None

    def __str__(self) -> str:
        advice = f" {self.help}" if self.help else ""
        return f"{self.file}:{self.line}: {self.rule}: {self.message}{advice}"


def warnings(steps: Sequence[Step]) -> list[Danger]:
    """What squawk says of these versioned steps; nothing when it is not installed."""
    binary = _binary()
    if binary is None:
        return []
    found: list[Danger] = []
    for transactional in (True, False):
        chosen = [step for step in steps if step.transactional is transactional]
        if chosen:
            found += _judge(binary, chosen, transactional)
    return found


def installed() -> bool:
    """Whether there is a squawk to ask."""
    return _binary() is not None


def _binary() -> str | None:
    beside = Path(sys.executable).parent / "squawk"
    return str(beside) if beside.exists() else shutil.which("squawk")


def _judge(binary: str, steps: Sequence[Step], transactional: bool) -> list[Danger]:
    with tempfile.TemporaryDirectory() as directory:
        files = {}
        for number, step in enumerate(steps):
            file = Path(directory) / f"{number:04}.sql"
            file.write_text(step.sql, encoding="utf-8")
            files[str(file)] = step
        command = [binary, "--pg-version", "15.0", "--reporter", "json"]
        if transactional:
            command.append("--assume-in-transaction")
        rows = _run([*command, *files], directory)
    return [
        Danger(
            files[row["file"]].file,
            row["line"] + 1,
            row["rule_name"],
            row["message"].strip(),
            row.get("help"),
        )
        for row in rows
        if not row["rule_name"].startswith(NOT_ABOUT_DANGER)
    ]


def _run(command: Sequence[str], directory: str) -> list[dict[str, Any]]:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)
    except OSError as error:
        raise DotbaseError(f"squawk cannot be run ({error})", "run `make setup`") from None
    if not result.stdout.strip() and not result.returncode:
        return []
    try:
        found: list[dict[str, Any]] = json.loads(result.stdout)
    except json.JSONDecodeError:
        said = (result.stderr or result.stdout).strip()[-300:]
        raise DotbaseError(f"squawk failed: {said}", "run it by hand on `dotbase render`") from None
    return found
