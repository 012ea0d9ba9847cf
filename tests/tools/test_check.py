"""`make check` chooses the tests of what changed, the nearest first, and stops in time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.harness.server import ROOT
from tests.tools.check import tests
from tests.tools.check.changes import changed
from tests.tools.check.tests import EVERY_MODULE

pytest_plugins = ["pytester"]


@pytest.mark.parametrize(
    ("path", "nearest", "also"),
    [
        ("tests/core/test_clock.py", ["tests/core/test_clock.py"], "tests/core/test_clock.py"),
        ("functions/luckywalk/draw.sql", ["tests/luckywalk/test_draw.py"], "tests/luckywalk/test_results.py"),
        ("schema/ledger/0003_ledger.sql", ["tests/ledger/test_check.py"], "tests/ledger/test_races.py"),
        ("policies/core.yaml", [], "tests/access/test_matrix.py"),
        ("cron/luckywalk.yaml", [], "tests/jobs/test_pg_cron.py"),
        ("generator/dotbase/drift/roles.py", [EVERY_MODULE], "tests/drift/test_fresh.py"),
        ("generator/dotbase/migrate/plan.py", [EVERY_MODULE], "tests/generator/test_migrate_locks.py"),
        ("generator/dotbase/cli.py", [EVERY_MODULE], "tests/generator/test_new.py"),
        ("tests/luckywalk/weeks.py", [], "tests/luckywalk/test_banking.py"),
        ("tests/drift/den.sql", ["tests/drift/test_pairs.py"], "tests/drift/test_names.py"),
        ("docs/access.md", [], "tests/docs/test_pages.py"),
    ],
)
def test_a_changed_file_is_tried_by_its_tests_and_the_nearest_come_first(
    path: str, nearest: list[str], also: str
) -> None:
    found = tests.of(ROOT, [path])
    assert found[: len(nearest)] == nearest
    assert also in found


def test_every_folder_of_tests_and_every_source_has_tests() -> None:
    """Nothing in the places that rules live in is changed without a test being asked."""
    places = ("schema", "functions", "policies", "cron", "generator/dotbase", "demo", "docs")
    files = [
        str(path.relative_to(ROOT))
        for place in places
        for path in (ROOT / place).rglob("*.*")
        if path.suffix in (".py", ".sql", ".j2", ".yaml", ".md")
    ]
    assert [path for path in files if not tests.of(ROOT, [path])] == []


def test_what_is_committed_changed_or_new_since_the_trunk_is_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        person = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *person, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    for name in ("same", "edited", "gone"):
        (tmp_path / name).write_text("1\n")
    git("add", ".")
    git("commit", "-m", "1")
    git("checkout", "-b", "branch")
    (tmp_path / "committed").write_text("1\n")
    (tmp_path / "gone").unlink()
    git("add", ".")
    git("commit", "-am", "2")
    (tmp_path / "edited").write_text("2\n")
    (tmp_path / "new").write_text("1\n")
    assert changed(tmp_path) == ["committed", "edited", "new"]
    with pytest.raises(SystemExit, match="git knows no elsewhere"):
        changed(tmp_path, "elsewhere")


@pytest.fixture
def apart(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder for tests of its own, which has our plugin."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'generator'}:{ROOT}")
    monkeypatch.delenv("DEEP", raising=False)
    pytester.makeconftest('pytest_plugins = ["tests.harness.plugin"]')
    return pytester


def test_no_test_begins_when_the_time_is_over(apart: pytest.Pytester) -> None:
    apart.makepyfile("import time\ndef test_1(): time.sleep(0.3)\ndef test_2(): pass")
    result = apart.runpytest_subprocess("--within", "0.2", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["1 skipped: there was no time for it within 0.2 s; `make test` runs it"])


def test_deep_tests_run_only_when_asked_for(apart: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    apart.makepyfile(
        "import pytest\nfrom tests.harness.depth import deeper, depth\n"
        "def test_usual(): pass\n@pytest.mark.deep\ndef test_deep(): pass\n"
        "@deeper\ndef test_deeper(): assert depth(3, 30) == 3\n"
    )
    result = apart.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.fnmatch_lines(["1 tests left to make test-deep."])
    monkeypatch.setenv("DEEP", "1")
    result = apart.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1, deselected=1)  # test_usual is not of that run
