"""For pytest in a trial: renders with the mutant's change, and writes down the first test that fails."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dotbase.render import assembly
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from tests.tools.mutants.places import Mutant

MUTANT, RESULT = "DOTBASE_MUTANT", "DOTBASE_MUTANT_RESULT"
_render = assembly.render_steps
_seen: dict[str, Any] = {"changed": False, "failed": None, "said": ""}


def _render_changed(project: Project, variables: Variables) -> list[Step]:
    steps = _render(project, variables)
    if not os.environ.get(MUTANT):
        return steps
    mutant = Mutant(**json.loads(os.environ[MUTANT]))
    changed = [mutant.applied(step) for step in steps]
    _seen["changed"] |= any(one.sql != other.sql for one, other in zip(steps, changed, strict=True))
    return changed


# Before any module of the tests takes the name.
assembly.render_steps = _render_changed


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The first failure, and the last line of what it says."""
    if report.failed and _seen["failed"] is None:
        _seen["failed"] = f"{report.nodeid} ({report.when})" if report.when != "call" else report.nodeid
        crash = getattr(report.longrepr, "reprcrash", None)
        _seen["said"] = str(crash.message if crash else report.longrepr)[:500]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """For the process that started this one."""
    Path(os.environ[RESULT]).write_text(json.dumps(_seen), encoding="utf-8")
