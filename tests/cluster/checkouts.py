"""Checkouts to start servers in, and what the server's OS user does beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from dotbase import cluster
from dotbase.cluster import binaries


@contextmanager
def new_checkout(below: Path | None = None) -> Iterator[Path]:
    """A folder with apps.yaml that every OS user can read; its cluster dev goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="dotbase-", dir=below or "/tmp"))
    folder.chmod(0o755)
    (folder / "apps.yaml").write_text("apps: {}\n")
    try:
        yield folder
    finally:
        cluster.destroy(root=folder)
        shutil.rmtree(folder)


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`dotbase …` in the checkout, as a person calls it."""
    with started(checkout, *arguments) as process:
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def started(checkout: Path, *arguments: str) -> subprocess.Popen[str]:
    """`dotbase …` in the checkout, not waited for."""
    environment = {
        k: v
        for k, v in os.environ.items()
        if k == binaries.FOLDER or not k.startswith(("DOTBASE_", "DATABASE_URL", "PG"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dotbase.cli", *arguments],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def connect(checkout: Path, database: str = "dotbase", user: str = "postgres") -> psycopg.Connection[Any]:
    """A session on the checkout's server, over its socket."""
    return psycopg.connect(cluster.local_url(database=database, user=user, root=checkout), autocommit=True)


def value(checkout: Path, query: str) -> Any:
    """The first column of the first row."""
    with connect(checkout) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def pid_of(checkout: Path) -> int:
    """The process number of the running server."""
    pid = cluster.status(root=checkout).pid
    assert pid is not None
    return pid
