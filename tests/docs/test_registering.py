"""An app in the tests of all apps: the page tells every key; the first app is in them by one file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tests.docs.pages import commands, pages
from tests.harness.apps import FOLDER, AppTests, Call
from tests.harness.declared import APPS
from tests.harness.figures import count

APP = "parking"
FILES = (
    "tests/harness/test_apps.py",
    "tests/access/test_matrix.py",
    "tests/attacks/test_forged_claims.py",
    "tests/attacks/test_hijack.py",
    "tests/attacks/test_writing.py",
    "tests/hostile/test_inputs.py",
)
# Those of the app by its name or its RPC's, and those that go through all apps.
CHOSEN = (
    "parking or take_spot or seed_gives or left_out or in_an_rpc or in_a_job or does_not_ask or plain_sql "
    "or is_declared"
)
# A mutant of each of the app's files, and where it is tried.
MUTANTS = """
from tests.harness import server, templates
from tests.harness.server import ROOT
from tests.tools.mutants.places import eligible
from tests.tools.mutants.trial import files_for
places = [place for place in eligible(templates.steps(server.start())) if place.app == "parking"]
for file in sorted({place.file for place in places}):
    place = next(place for place in places if place.file == file)
    print(file, *files_for(ROOT, place))
"""


def section() -> str:
    """What the page says of it."""
    _, _, rest = pages()["docs/contributing.md"].partition("## An app in the tests of all apps\n")
    return rest.partition("\n## ")[0]


def test_the_page_tells_every_key_of_an_apps_file() -> None:
    told = re.findall(r"^\| `(\w+)` \| ", section(), re.MULTILINE)
    assert told == [field.name for field in fields(AppTests)]
    assert [field.name for field in fields(Call) if f"`{field.name}`" not in section()] == []


@pytest.fixture
def with_the_app(checkout: Path) -> Path:
    """A checkout with the app of the page, as its reader has it who wrote every file."""
    if APP in APPS:
        pytest.skip("the app that the page makes is there already")
    for command in commands():
        makes = command.text.startswith((f".venv/bin/dotbase new app {APP}", "mkdir -p"))
        if command.page == "docs/first-app.md" and makes:
            run(checkout, "bash", "-c", command.text)
    return checkout


def run(checkout: Path, *arguments: str) -> str:
    """What a command said that worked in there."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DOTBASE_TEST", "PYTEST"))}
    environment |= {"PYTHONPATH": f"{checkout / 'generator'}:{checkout}", "DOTBASE_CLUSTER": "test"}
    done = subprocess.run(
        arguments, cwd=checkout, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_the_first_app_is_in_the_tests_of_all_apps_by_one_file(with_the_app: Path) -> None:
    of_tests = {str(path.relative_to(with_the_app)) for path in (with_the_app / "tests").rglob("*parking*")}
    assert of_tests == {"tests/parking", f"{FOLDER}/{APP}.py"}
    chosen = ("-m", "pytest", "-v", "-p", "no:cacheprovider", "-o", "addopts=", "--import-mode=importlib")
    said = run(with_the_app, sys.executable, *chosen, *FILES, "-k", CHOSEN)
    passed = re.findall(r"^(\S+?::.+?) PASSED", said, re.MULTILINE)
    assert {name.partition("::")[0] for name in passed} == set(FILES)
    for names in ("stays", "take_spot-", "take_spot]", "tests_of_all_apps_know_the_app[parking]", "in_a_job"):
        assert [name for name in passed if names in name], names
    count("tests of all apps passed by the first app of the pages", len(passed))
    tried = dict(line.split(" ", 1) for line in run(with_the_app, sys.executable, "-c", MUTANTS).splitlines())
    assert {"functions/parking/spots.sql", "policies/parking.yaml"} <= tried.keys()
    assert all("tests/parking/test_spots.py" in files.split() for files in tried.values())
