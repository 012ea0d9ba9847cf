"""What is read in the rendered SQL: sqlfluff on all of it, and the names of the errors that it raises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dotbase.errors import DotbaseError
from dotbase.lint import Section
from dotbase.render.documents import load
from dotbase.render.project import Project
from dotbase.render.steps import Step

FEW = 40  # texts: a second process costs more to start than it saves
RAISED = re.compile(r"^(?:(?!--).)*?\bcore\.raise\(\s*(?:name\s*=>\s*)?'([^']*)'", re.MULTILINE)


def style(project: Project, steps: Sequence[Step], elsewhere: Mapping[str, Sequence[Step]]) -> Section:
    """sqlfluff on every step's text, and on every rollback's; what cannot be parsed is a finding.

    A body between $$ is not its matter: plpgsql_check reads those.

    elsewhere: the steps by another target; what reads the same there is linted once.
    """
    section = Section("sqlfluff", f"{len(steps)} rendered steps")
    texts = {(step.file, kind): text for step in steps for kind, text in _texts(step)}
    named = {f"{key}{kind}": text for (key, kind), text in texts.items()}
    for target, others in elsewhere.items():
        for step in others:
            for kind, text in _texts(step):
                if texts.get((step.file, kind)) != text:
                    named[f"{step.file}{kind} ({target})"] = text
    with tempfile.TemporaryDirectory(prefix="dotbase-lint-") as folder:
        keys: dict[str, str] = {}
        for number, (name, text) in enumerate(named.items()):
            path = Path(folder) / f"{number:04}.sql"
            path.write_text(text, encoding="utf-8")
            keys[path.name] = name
        for row in _run(project, folder, processes=1 if len(named) <= FEW else 2):
            name = keys[Path(row["filepath"]).name]
            section.findings += [
                f"{name}: line {found['start_line_no']}: {found['code']} {found['description']}"
                for found in row["violations"]
            ]
    return section


def raised_errors(project: Project, steps: Iterable[Step]) -> Section:
    """Every literal name that no app's errors.yaml has: raised, a misspelt one is an internal error."""
    known = {name for app in project.apps for name in _error_names(project, app)}
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


def _error_names(project: Project, app: str) -> list[str]:
    path = project.root / "functions" / app / "errors.yaml"
    return list(load(path, project.root).data) if path.is_file() else []


def _texts(step: Step) -> list[tuple[str, str]]:
    found = [("", step.sql), (" (rollback)", step.rollback_sql or "")]
    return [(kind, text) for kind, text in found if text]


def _run(project: Project, folder: str, processes: int) -> list[dict[str, Any]]:
    command = [str(Path(sys.executable).parent / "sqlfluff"), "lint", "--format", "json", "--nofail"]
    config = project.root / ".sqlfluff"
    options = ["--config", str(config)] if config.is_file() else ["--dialect", "postgres"]
    try:
        result = subprocess.run(
            [*command, *options, "--processes", str(processes), folder],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
        found: list[dict[str, Any]] = json.loads(result.stdout)
    except FileNotFoundError:
        raise DotbaseError("sqlfluff is not installed", "run `make setup`") from None
    except OSError as error:
        raise DotbaseError(f"sqlfluff cannot be run ({error})", "run `make setup`") from None
    except json.JSONDecodeError:
        raise DotbaseError(
            f"sqlfluff failed: {result.stderr.strip()[-300:]}", "run it by hand on `dotbase render`"
        ) from None
    return found
