"""One mutant's trial: the tests that concern it, the likely killers first, on a copy of the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.harness.apps import said_by
from tests.harness.declared import needing
from tests.tools.mutants.places import Mutant
from tests.tools.mutants.plugin import MUTANT, RESULT

COPIED = ("apps.yaml", "advise.yaml", "pyproject.toml", "package.json", "package-lock.json", "Makefile")
COPIED_WHOLE = ("schema", "functions", "policies", "cron", "generator", "tests", "demo", "docs", "scripts")
OF_ACCESS = ("policy", "grant", "rpc", "definer check")
ACCESS = ("tables_alone", "steps_alone", "matrix", "beyond", "taken_back")
# Tests of all RPCs, which name none.
LIKELY = {"definer check": ("tests/attacks/test_forged_claims.py",)}
A_TEST, ALL = 100, 240  # seconds: a trial that lasts longer is not a kill


@dataclass(frozen=True)
class Result:
    """How a trial ended: killed by a test, by hanging, because it cannot be applied; or survived."""

    outcome: str  # killed, hung, refused, survived, broken
    by: str
    said: str
    seconds: float


def copy(root: Path, name: str) -> Path:
    """A copy of the checkout's sources, renewed; its cluster, if it has one, stays."""
    tree = root / ".dotbase" / "mutants" / name
    tree.mkdir(parents=True, exist_ok=True)
    for folder in COPIED_WHOLE:
        shutil.rmtree(tree / folder, ignore_errors=True)
        shutil.copytree(root / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in COPIED:
        shutil.copy2(root / file, tree / file)
    return tree


def files_for(root: Path, mutant: Mutant) -> list[str]:
    """The files of tests that concern a mutant, those first that name what it changes."""
    files: list[str] = []
    for app in needing(mutant.app):
        found = sorted((root / "tests" / app).glob("test_*.py"), key=lambda path: _rank(path, mutant))
        files += [str(path.relative_to(root)) for path in found if path.name not in said_by(app).slow]
    attacks = sorted((root / "tests" / "attacks").glob("test_*.py"), key=lambda path: _rank(path, mutant))
    files += [str(path.relative_to(root)) for path in attacks]
    if said_by(mutant.app).killers:
        files[:0] = said_by(mutant.app).killers
        files.sort(key=lambda file: not _names(root / file, mutant))
    if mutant.kind in OF_ACCESS:
        access = [f"tests/access/test_{name}.py" for name in ACCESS]
        if mutant.kind == "rpc":
            access.sort(key=lambda file: "matrix" not in file)
        files = [*access, *files] if mutant.kind != "definer check" else [*files, *access]
    for start, likely in {**LIKELY, **said_by(mutant.app).likely}.items():
        if mutant.step.startswith(start) or mutant.kind == start:
            files = [*likely, *files]
    return list(dict.fromkeys(files))


def _names(path: Path, mutant: Mutant) -> bool:
    return _is_of_topic(path, mutant) or any(word in path.read_text() for word in _words(mutant))


def _is_of_topic(path: Path, mutant: Mutant) -> bool:
    return path.stem.startswith(f"test_{Path(mutant.file).name.partition('.')[0]}")


def _words(mutant: Mutant) -> list[str]:
    """The routine, and the error that is no longer raised."""
    return [word for word in (mutant.routine, *re.findall(r"'([a-z]+_[a-z_]+)'", mutant.before)) if word]


def _rank(path: Path, mutant: Mutant) -> tuple[bool, int, int]:
    text = path.read_text(encoding="utf-8")
    named = sum(text.count(word) for word in _words(mutant))
    return not _is_of_topic(path, mutant), -named, ("race" in path.stem) * 1_000_000 + len(text)


def run(tree: Path, mutant: Mutant | None, files: list[str], seconds: int = ALL) -> Result:
    """Runs these tests in the copy, up to the first that fails. Without a mutant: as it stands."""
    result = tree / ".dotbase" / "result.json"
    result.parent.mkdir(exist_ok=True)
    result.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tree / 'generator'}:{tree}",
        "DOTBASE_CLUSTER": "test",
        MUTANT: json.dumps(mutant.as_json()) if mutant else "",
        RESULT: str(result),
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=short", f"--timeout={A_TEST}"]
    command += ["-p", "tests.tools.mutants.plugin", "-p", "no:cacheprovider", *files]
    started = time.monotonic()
    with (tree / ".dotbase" / "trial.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=tree, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return Result("survived", "", f"nothing failed in {seconds} s", float(seconds))
    spent = round(time.monotonic() - started, 1)
    if not result.exists():
        return Result("hung" if "Timeout" in log_of(tree) else "broken", "", log_of(tree)[-500:], spent)
    seen = json.loads(result.read_text(encoding="utf-8"))
    if mutant and not seen["changed"]:
        return Result("broken", "", f"pytest ended with {code}; {log_of(tree)[-500:]}", spent)
    if code == 0:
        return Result("survived", "", "", spent)
    if seen["failed"] is None:
        return Result("broken", "", log_of(tree)[-500:], spent)
    by, said = str(seen["failed"]), str(seen["said"])
    return Result(_outcome(tree, by, said), by, said, spent)


def _outcome(tree: Path, by: str, said: str) -> str:
    """A template that cannot be built is refused; a test that ran out of time hung; the rest is killed."""
    if by.endswith("(setup)") and "templates.py" in log_of(tree) and "in _build" in log_of(tree):
        return "refused"
    return "hung" if "Timeout" in said else "killed"


def log_of(tree: Path) -> str:
    """What pytest printed."""
    return (tree / ".dotbase" / "trial.log").read_text(encoding="utf-8", errors="replace")
