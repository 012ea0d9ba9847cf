"""What holds of the whole generator: layers, who reads the system catalogs, how large modules are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dotbase.lint import python
from dotbase.render.project import Project
from tests.harness.server import ROOT

PACKAGE = ROOT / "generator" / "dotbase"
# Every name that begins as the system catalogs' do and is not called, as functions are.
CATALOGS = re.compile(r"\bpg_[a-z_]+\b(?!\s*\()|\binformation_schema\.\w+")
# Schemas, programs, files and extensions, whose names begin so too.
NO_CATALOGS = {
    "pg_catalog",
    "pg_temp",
    "pg_cron",
    "pg_ctl",
    "pg_control",
    "pg_hba",
    "pg_ident",
    "pg_stat_statements",
    "pg_read_all_settings",
    "pg_terminate_backend",
    "pg_upgrade",
}
# Who names them outside of the package `catalog`, and why.
READERS = {
    "cluster/supabase.sql": "it makes a database look like Supabase's, and gives the tool no answer",
}
SMALLEST, LARGEST = 20, 300
# Modules of another size, and why.
SIZES: dict[str, str] = {}


def modules() -> Iterator[tuple[str, list[str]]]:
    """The generator's modules by path, with their lines."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), path.read_text(encoding="utf-8").splitlines()


def catalogs_in(text: str) -> set[str]:
    """The system catalogs and their views that a text names."""
    return set(CATALOGS.findall(text)) - NO_CATALOGS


def excused(path: str, by: Mapping[str, str]) -> str | None:
    """The exception that a file falls under."""
    return next((name for name in by if path == name or (name.endswith("/") and path.startswith(name))), None)


def reading() -> dict[str, set[str]]:
    """Which catalogs each file outside of the package `catalog` names."""
    paths = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".sql", ".j2")]
    named = {str(path.relative_to(PACKAGE)): catalogs_in(path.read_text(encoding="utf-8")) for path in paths}
    return {path: found for path, found in named.items() if found and not path.startswith("catalog/")}


def test_layers_import_what_is_below_them() -> None:
    contracts = python.imports(Project(ROOT))
    assert contracts.left_out is None
    assert contracts.findings == []


def test_the_package_catalog_alone_reads_the_system_catalogs() -> None:
    assert {path: found for path, found in reading().items() if not excused(path, READERS)} == {}


def test_no_reader_is_excused_that_reads_nothing() -> None:
    assert {excused(path, READERS) for path in reading()} >= set(READERS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select from pg_catalog.pg_class as c", {"pg_class"}),
        ("inner join pg_proc on true", {"pg_proc"}),
        ("from information_schema.tables as t", {"information_schema.tables"}),
        ("where d.classid = 'pg_policy'::regclass", {"pg_policy"}),
        ("select pg_catalog.pg_get_expr(x, y), pg_advisory_lock (1)", set()),
        ("cross join lateral pg_catalog.pg_identify_object(1, 2, 0)", set()),
        ("set search_path = pg_catalog, pg_temp", set()),
    ],
)
def test_a_catalog_is_told_from_a_function(text: str, found: set[str]) -> None:
    assert catalogs_in(text) == found


def test_modules_are_neither_crumbs_nor_lumps() -> None:
    """A package's own file may be short: it says what the package is."""
    wrong = {
        path: len(lines)
        for path, lines in modules()
        if len(lines) > LARGEST or (len(lines) < SMALLEST and Path(path).name != "__init__.py")
    }
    assert set(wrong) == set(SIZES), wrong


def test_modules_say_what_their_topic_is() -> None:
    assert [path for path, lines in modules() if not lines or not lines[0].startswith('"""')] == []
