"""Which tests concern a changed file: the nearest first, since time may end before they do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# A package of the generator → tests of it that are not in a folder of its name.
OF_PACKAGES = {
    "catalog": ("tests/drift/test_changes.py", "tests/generator"),
    "commands": ("tests/generator",),
    "jobs": ("tests/jobs/test_commands.py", "tests/jobs/test_doctor.py"),
    "cli": ("tests/generator/test_new.py", "tests/generator/test_migrate_commands.py"),
    "lint": ("tests/generator/test_lint.py",),
    "migrate": ("tests/generator",),
    "render": ("tests/generator",),
    "scratch": ("tests/cluster/test_scratch.py", "tests/generator"),
    "verify": ("tests/generator",),
}
EVERY_MODULE = "tests/generator/test_architecture.py"
# What a path begins with → tests.
OF_PLACES = (
    ("apps.yaml", ("tests/generator/test_apps_file.py",)),
    ("cron/", ("tests/jobs/test_pg_cron.py", "tests/jobs/test_gmt_schedule.py")),
    ("policies/", ("tests/access",)),
    ("docs/", ("tests/docs",)),
    ("README.md", ("tests/docs",)),
    ("demo/", ("tests/demo",)),
    ("advise.yaml", ("tests/advise",)),
    ("Makefile", ("tests/docs/test_pages.py",)),
    (".importlinter", (EVERY_MODULE,)),
)
SOURCES = ("schema", "functions", "policies", "cron")


def of(root: Path, changed: Iterable[str]) -> list[str]:
    """Files of tests, without repetition: what changed itself, what is of its topic, then its folder."""
    ranked: dict[str, int] = {}
    for path in changed:
        for rank, test in _of_file(root, path):
            ranked[test] = min(rank, ranked.get(test, rank))
    return sorted(ranked, key=lambda test: (ranked[test], test))


def _of_file(root: Path, path: str) -> Iterator[tuple[int, str]]:
    parts = Path(path).parts
    if parts[0] == "tests" and len(parts) > 2:
        yield from _of_tests(root, path)
    elif parts[0] in SOURCES:
        app = parts[1].partition(".")[0]
        topic = Path(path).name.partition(".")[0].lstrip("0123456789_")
        yield from _in(root, f"tests/{app}", _about(topic))
    elif path.startswith("generator/dotbase/"):
        package = parts[2].removesuffix(".py")
        module = Path(path).stem
        imports = rf"{package}(\.{module}\b| import .*\b{module}\b)"
        for folder in (f"tests/{package}", *OF_PACKAGES.get(package, ())):
            yield from _in(root, folder, _about(f"({package}|{module})"), _about(imports))
        yield 1, EVERY_MODULE
    for start, places in OF_PLACES:
        for place in places if path.startswith(start) else ():
            yield from _in(root, place, _about(Path(path).stem))


def _of_tests(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """A file of tests is its own test; what tests import concerns those that do."""
    name, folder = Path(path).stem, Path(path).parent
    if name.startswith("test_"):
        yield 0, path
        return
    if name == "conftest" or not path.endswith(".py"):
        yield from _in(root, str(folder), _about(Path(path).name))
        return
    imported = re.compile(rf"\b{'.'.join(folder.parts)}(\.{name}\b| import .*\b{name}\b)")
    for test in sorted((root / "tests").rglob("test_*.py")):
        if imported.search(test.read_text(encoding="utf-8")):
            near = test.parent == root / folder
            yield 2 if near else 3, str(test.relative_to(root))


def _about(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b{words}\b")


def _in(
    root: Path, place: str, name: re.Pattern[str], text: re.Pattern[str] | None = None
) -> Iterator[tuple[int, str]]:
    """A file of tests, or those of a folder: first what is called so, then what says so."""
    found = root / place
    for test in [found] if found.is_file() else sorted(found.glob("test_*.py")):
        if name.search(test.stem.removeprefix("test_").replace("_", " ")):
            rank = 1
        else:
            rank = 2 if (text or name).search(test.read_text(encoding="utf-8")) else 3
        yield rank, str(test.relative_to(root))
