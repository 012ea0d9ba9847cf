"""Every command in the pages runs, in the order in which the page has it, in a checkout of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dotbase import cluster
from tests.docs import pages
from tests.docs.pages import Command
from tests.harness.figures import count
from tests.harness.server import ROOT

# What is not run here, with what shows it instead.
ELSEWHERE = {
    r"git clone ": "a new checkout is what this test runs in",
    r"make ": "continuous integration runs make lint and make test; a target's existence is tested",
    r"(debootstrap|mount|umount|chroot|rm|bare=)": "needs a bare machine, hundreds of megabytes and root",
    r"(\.venv/bin/)?dotbase lint": "continuous integration runs make lint",
}
NOT_COPIED = (
    ".git",
    ".venv",
    ".dotbase",
    "node_modules",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
)
EXIT = re.compile(r"exit(?: code)? (\d)")

PAGES = sorted({command.page for command in pages.commands()})


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of the working tree with this one's `.venv`; its servers go with it."""
    folder = Path(tempfile.mkdtemp(prefix="dotbase-docs-", dir="/tmp"))
    folder.chmod(0o755)
    for entry in ROOT.iterdir():
        if entry.name in NOT_COPIED:
            continue
        if entry.is_dir():
            shutil.copytree(entry, folder / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(entry, folder / entry.name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    try:
        yield folder
    finally:
        if cluster.status(root=folder).exists:
            cluster.destroy(root=folder)
        shutil.rmtree(folder)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page: str, checkout: Path) -> None:
    for command in pages.commands():
        if command.page != page or _elsewhere(command):
            continue
        done = _run(command, checkout)
        expected = {0, *map(int, EXIT.findall(command.said))}
        assert done.returncode in expected, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, f"{command}\n{done.stderr}"
        count("commands of the pages run")


def test_nothing_is_excused_that_no_page_has() -> None:
    for pattern in ELSEWHERE:
        assert any(re.match(pattern, command.text) for command in pages.commands()), pattern


def _elsewhere(command: Command) -> bool:
    return any(re.match(pattern, command.text) for pattern in ELSEWHERE)


def _run(command: Command, checkout: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("DOTBASE_", "DATABASE_URL", "PG"))
    }
    environment["PATH"] = f"{checkout}/.venv/bin:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", command.text],
        input="y\n" if "destroy" in command.text else "",
        capture_output=True,
        text=True,
        cwd=checkout,
        env=environment,
        timeout=120,
    )
