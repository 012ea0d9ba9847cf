"""Every command in the pages runs, in the order in which the page has it, in a checkout of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dotbase.render.project import Project
from tests.docs import pages
from tests.docs.pages import Command
from tests.harness.figures import count
from tests.harness.server import ROOT, one_process
from tests.harness.supabase import ADMIN
from tests.supabase import advisors, platform
from tests.supabase.advisors import PROGRAM

# What is not run here, with what shows it instead.
ELSEWHERE = {
    r"git clone ": "a new checkout is what this test runs in",
    r"make ": "continuous integration runs make lint and make test; a target's existence is tested",
    r"(debootstrap|mount|umount|chroot|rm|bare=)": "needs a bare machine, hundreds of megabytes and root",
    r"(\.venv/bin/)?dotbase lint": "continuous integration runs make lint",
}
EXIT = re.compile(r"exit(?: code)? (\d)")

# What their commands do is held by tests of their own; that they exist with their options, by test_pages.py.
HELD_ELSEWHERE = {
    "docs/access.md": "tests/access/test_command.py",
    "docs/drift.md": "tests/drift/test_command.py",
    "docs/supabase.md": "tests/supabase",
}
PAGES = [
    pytest.param(page, marks=pytest.mark.deep if page in HELD_ELSEWHERE else ())
    for page in sorted({command.page for command in pages.commands()})
]


@pytest.fixture
def supabase_project(checkout: Path, plpgsql_check: None) -> Iterator[dict[str, str]]:
    """The variables of somebody who has a Supabase project, for a database shaped like one."""
    if not PROGRAM.exists():
        pytest.skip("`make node-packages` brings Supabase's program")
    with one_process("supabase"):
        server = platform.cluster()
    database = platform.create(server, f"page_{os.getpid()}")
    with server.connect(database.name, user=ADMIN) as admin:
        admin.execute("create extension plpgsql_check with schema extensions")
    advisors.configured(checkout)
    yield {**advisors.QUIET, "SUPABASE_HOME": str(checkout), "DATABASE_URL": advisors.url(database)}
    platform.drop(database)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page: str, checkout: Path, request: pytest.FixtureRequest) -> None:
    if "parking" in Project(ROOT).apps and "new app parking" in pages.pages()[page]:
        pytest.skip("the app that the page makes is there already")
    more = request.getfixturevalue("supabase_project") if page == "docs/supabase.md" else {}
    for command in pages.commands():
        if command.page != page or _elsewhere(command):
            continue
        done = _run(command, checkout, more)
        expected = {0, *map(int, EXIT.findall(command.said))}
        assert done.returncode in expected, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, f"{command}\n{done.stderr}"
        count("commands of the pages run")


def test_nothing_is_excused_that_no_page_has() -> None:
    assert HELD_ELSEWHERE.keys() <= {command.page for command in pages.commands()}
    assert all((ROOT / place).exists() for place in HELD_ELSEWHERE.values())
    for pattern in ELSEWHERE:
        assert any(re.match(pattern, command.text) for command in pages.commands()), pattern


def _elsewhere(command: Command) -> bool:
    return any(re.match(pattern, command.text) for pattern in ELSEWHERE)


def _run(command: Command, checkout: Path, more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("DOTBASE_", "DATABASE_URL", "PG"))
    }
    environment["PATH"] = f"{checkout}/.venv/bin:{PROGRAM.parent}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", command.text],
        input="y\n" if "destroy" in command.text else "",
        capture_output=True,
        text=True,
        cwd=checkout,
        env={**environment, **more},
        timeout=120,
    )
