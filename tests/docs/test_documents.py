"""The pages of docs/documents/: what a row names exists, what it promises does not, the counts are right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dotbase.render.project import Project
from tests.docs.pages import command_exists, pages
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.server import ROOT

INDEX = "docs/documents.md"
PAGES = sorted(page for page in pages() if page.startswith("docs/documents/"))
STATUSES = ("here", "differs", "not ours", "not yet")
HEADER = ["document", "status", "here"]
# Relations, columns and constraints are those of any schema of ours.
NAMES = {
    "table": """
        select n.nspname || '.' || c.relname as name from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace where c.relkind in ('r', 'p')""",
    "view": """
        select n.nspname || '.' || c.relname as name from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace where c.relkind in ('v', 'm')""",
    "column": """
        select n.nspname || '.' || c.relname || '.' || a.attname as name from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped""",
    "function": """
        select n.nspname || '.' || p.proname as name from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace""",
    "type": """
        select n.nspname || '.' || t.typname as name from pg_type as t
        join pg_namespace as n on n.oid = t.typnamespace""",
    "constraint": """
        select c.conname as name from pg_constraint as c
        join pg_namespace as n on n.oid = c.connamespace where n.nspname = any(%s::text[])""",
    "rpc": """
        select r.name from core.rpcs as r join pg_proc as p on p.proname = r.name
        where p.pronamespace = 'api'::regnamespace""",
    "job": "select job_name as name from jobs.jobs where removed_at is null",
    "setting": "select name from core.settings",
    "error": "select name from core.errors",
}
CHECKED = re.compile(rf"`({'|'.join([*NAMES, 'command', 'file', 'test'])}) ([^`]+)`")
COMING = re.compile(r"no app\b|apps? (`\w+`)(?: and (`\w+`))?")
# What a `not yet` row promises first: "app `luckywalk`, job `daily_reset`".
PROMISE = re.compile(r"apps? `(\w+)`[,:] (?:the )?(table|view|column|function|type|rpc|job) `(\w+)`", re.I)
ANY_APP = re.compile(r"\bapps? (`\w+`)(?: and (`\w+`))?")
COUNTS = "Of {} items, {} are here, {} differ, {} are not ours, {} are not yet."


@dataclass(frozen=True)
class Row:
    """One row of a page."""

    page: str
    line: int
    document: str
    status: str
    here: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.document}"

    @property
    def coming(self) -> list[str]:
        """The apps that a `not yet` row waits for."""
        match = COMING.match(self.here)
        return [name.strip("`") for name in match.groups() if name] if match else []


def rows(page: str) -> Iterator[Row]:
    """The rows of a page; a line of a table in any other shape is an error."""
    for number, line in enumerate(pages()[page].splitlines(), 1):
        if not line.startswith("|") or set(line) <= set("|- "):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        assert len(cells) == 3, f"{page}:{number} has {len(cells)} cells"
        if cells != HEADER:
            yield Row(page, number, *cells)


def counted(page: str) -> list[int]:
    """Rows in all, and by status."""
    by_status = Counter(row.status for row in rows(page))
    return [by_status.total(), *(by_status[status] for status in STATUSES)]


def waited_for() -> set[str]:
    """The apps that bring what is not there yet."""
    return {app for page in PAGES for row in rows(page) if row.status == "not yet" for app in row.coming}


@pytest.fixture
def names(module_db: Database) -> dict[str, set[str]]:
    """Everything in the migrated database that a row may name, by kind."""
    schemas = ["api", "auth", *Project(ROOT).apps]
    found = {}
    for kind, query in NAMES.items():
        parameters = [schemas] if "%s" in query else []
        found[kind] = {row["name"] for row in module_db.rows(query, *parameters)}
    return found


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str, names: dict[str, set[str]]) -> None:
    missing = []
    for number, line in enumerate(pages()[page].splitlines(), 1):
        for kind, name in CHECKED.findall(line):
            count("checked names of docs/documents")
            if not _exists(kind, name, names):
                missing.append(f"{page}:{number}: there is no {kind} {name}")
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("page", PAGES)
def test_a_row_says_what_its_status_asks_for(page: str) -> None:
    wrong = []
    for row in rows(page):
        checked = bool(CHECKED.search(row.here))
        if row.status not in STATUSES:
            wrong.append(f"{row}: its status is '{row.status}', and statuses are {', '.join(STATUSES)}")
        elif row.status in ("here", "differs") and not checked:
            wrong.append(f"{row}: it names nothing that can be looked for")
        elif row.status == "not ours" and not row.here.startswith("because "):
            wrong.append(f"{row}: it does not begin with 'because'")
        elif row.status == "not yet" and checked:
            wrong.append(f"{row}: it has a checked name, so something of it is there")
        elif row.status == "not yet" and not COMING.match(row.here):
            wrong.append(f"{row}: it does not begin with the app that brings it")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_row_promises_is_not_there_yet(page: str, names: dict[str, set[str]]) -> None:
    kept = []
    for row in rows(page):
        if row.status == "not yet" and (promise := PROMISE.match(row.here)):
            app, kind, name = promise[1], promise[2].lower(), promise[3]
            if kind == "column":
                there = any(c.startswith(f"{app}.") and c.endswith(f".{name}") for c in names["column"])
            else:
                there = (name if kind in ("rpc", "job") else f"{app}.{name}") in names[kind]
            if there:
                kept.append(f"{row}: {kind} {name} is there, so the row is 'here' or 'differs'")
    assert not kept, "\n".join(kept)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_counts_its_rows(page: str) -> None:
    assert COUNTS.format(*counted(page)) in pages()[page].splitlines()


def test_the_index_counts_the_rows_of_every_page() -> None:
    table = re.findall(r"^\| \[(\d{3})\]\((\S+)\) \| [^|]+ \| ([\d |]+) \|$", pages()[INDEX], re.MULTILINE)
    assert all(target == f"documents/{number}.md" for number, target, _ in table)
    said = {f"docs/{target}": [int(cell) for cell in cells.split(" | ")] for _, target, cells in table}
    assert said == {page: counted(page) for page in PAGES}


def test_the_index_tells_every_app_that_rows_wait_for_and_whether_it_is_there() -> None:
    built = Project(ROOT).apps
    table = re.findall(r"^\| `(\w+)` \| [^|]+ \| (built in part|not built) \|$", pages()[INDEX], re.MULTILINE)
    assert dict(table) == {app: "built in part" if app in built else "not built" for app in waited_for()}


def test_an_app_that_a_page_names_is_one_of_ours() -> None:
    known = {*Project(ROOT).apps, *waited_for()}
    named = {
        (row, app.strip("`"))
        for page in PAGES
        for row in rows(page)
        for apps in ANY_APP.findall(row.here)
        for app in apps
        if app
    }
    assert not [f"{row}: there is no app {app}" for row, app in named if app not in known]


def test_the_index_tells_every_kind_of_name_and_every_status() -> None:
    cells = [line.split("|")[1] for line in pages()[INDEX].splitlines() if line.startswith("| ")]
    kinds = {kind.strip() for cell in cells for kind in cell.split(",")}
    assert {*NAMES, "command", "file", "test", *STATUSES} <= kinds


def _exists(kind: str, name: str, names: dict[str, set[str]]) -> bool:
    if kind == "command":
        program, *words = name.split()
        return program == "dotbase" and command_exists(words)
    path = ROOT / name
    if kind == "file":
        return path.is_dir() if name.endswith("/") else path.is_file()
    if kind == "test":
        return path.is_file() and name.startswith("tests/") and path.name.startswith("test_")
    return name in names[kind]
