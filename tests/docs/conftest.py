"""A checkout of its own for the pages' commands and files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dotbase import cluster
from tests.harness.server import ROOT, named

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
        for name in ("dev", named("test")):
            cluster.destroy(name, folder)
        shutil.rmtree(folder)
