"""`dotbase migrate` as a whole command, beside psql on the same SQL and a bare Python that connects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.house import CLUSTER, ROOT
from benchmarks.samples import Comparison, Run
from dotbase import cluster
from dotbase.connection import connect
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.render.assembly import render_steps, render_text
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.scratch import empty_database

DOTBASE = Path(sys.executable).with_name("dotbase")
BARE = "import psycopg, sys; psycopg.connect(sys.argv[1]).close()"
# The function that is changed again and again: a topic in the middle of the house.
CHANGED = "functions/luckywalk/claims.sql"


def measure(runs: int, say: Callable[[str], None]) -> list[Comparison]:
    """From nothing, with nothing to do, with one changed function; contestants take turns in each run."""
    variables = Variables(master_key_file=cluster.master_key_file(CLUSTER, ROOT))
    options = GlobalOptions(project=ROOT, database_url=None, cluster=CLUSTER)
    whole, idle, changed = [], [], []
    with _copy() as root:
        project = Project(root)
        for number in range(runs):
            say(f"migrate, run {number + 1} of {runs}")
            steps = render_steps(project, variables)
            text = render_text(project, variables, steps)
            with (
                empty_database(options, steps, variables) as theirs,
                empty_database(options, steps, variables) as ours,
            ):
                # By turns who is first: what the first one reads, the second one finds in memory.
                if number % 2:
                    floor, seconds = _psql(theirs, text), _migrate(root, ours)
                else:
                    seconds, floor = _migrate(root, ours), _psql(theirs, text)
                whole.append(Run(seconds, floor))
                # Floors right before and after; the quicker one counts.
                before = _bare(ours)
                seconds = _migrate(root, ours)
                idle.append(Run(seconds, min(before, _bare(ours))))
                _change(root / CHANGED, number)
                alone = _steps_of(project, variables)
                floor = _psql(theirs, alone) + _bare(ours)
                changed.append(Run(_migrate(root, ours), floor))
                _is_applied(ours, number)
    return [
        Comparison(
            "`dotbase migrate` of everything into an empty database",
            "`psql -1 -f` of the same SQL",
            "s",
            whole,
            at_most=1.2,
            plus=0.5,
        ),
        Comparison(
            "`dotbase migrate` with nothing to do",
            "`python -c 'import psycopg; psycopg.connect(…)'`",
            "s",
            idle,
            at_most=2,
            plus=0.3,
        ),
        Comparison(
            f"`dotbase migrate` with one changed function (in `{CHANGED}`)",
            "`psql -1 -f` of that file, and the bare connection",
            "s",
            changed,
            at_most=2,
            plus=0.5,
        ),
    ]


@contextmanager
def _copy() -> Iterator[Path]:
    """The checkout's templates and declarations, to change them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copy(ROOT / "apps.yaml", root)
        for layer in ("schema", "functions", "policies", "cron"):
            shutil.copytree(ROOT / layer, root / layer)
        yield root


def _change(file: Path, number: int) -> None:
    """Another comment on the file's function: its definition is made anew."""
    text = file.read_text()
    begin = text.index("as $$\n") + len("as $$\n")
    file.write_text(f"{text[:begin]}-- Change {number}.\n{text[begin:]}")


def _steps_of(project: Project, variables: Variables) -> str:
    """The SQL that the changed file renders to, as its owner."""
    texts = [step.sql for step in render_steps(project, variables) if step.key.startswith(CHANGED)]
    return "\n".join([f"set role {variables.owner};", "set check_function_bodies = off;", *texts])


def _is_applied(url: str, number: int) -> None:
    with connect(url) as connection:
        query = "select from pg_catalog.pg_proc where position(%s in prosrc) > 0"
        if not connection.execute(query, [f"-- Change {number}.\n"]).rowcount:
            raise DotbaseError("the changed function was not migrated", "look for the reason")


def _migrate(root: Path, url: str) -> float:
    key = cluster.master_key_file(CLUSTER, ROOT)
    command = [DOTBASE, "--project", root, "--database-url", url, "migrate", "--master-key-file", key]
    return _seconds(*map(str, command))


def _psql(url: str, text: str) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        program = shutil.which("psql")
        if program is None:
            raise DotbaseError("psql is not installed", "run `make setup`")
        return _seconds(program, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", file.name)


def _bare(url: str) -> float:
    return _seconds(sys.executable, "-c", BARE, url)


def _seconds(*command: str) -> float:
    # Compiled once, as everywhere: the floor's psycopg comes compiled.
    apart = ("DOTBASE_", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(apart)}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise DotbaseError(f"{command[0]} failed: {done.stderr.strip()}", "look for the reason")
    return seconds
