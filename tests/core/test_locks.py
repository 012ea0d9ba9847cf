"""Advisory locks: functions/core/locks.sql alone says by which keys, and no two kinds of lock share one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dotbase.migrate.locks import LOCK
from tests.harness.databases import Database
from tests.harness.server import ROOT

REGISTRY = ROOT / "functions/core/locks.sql"
CLASSIDS = re.findall(r"^create or replace function (core\.\w+\(\))", REGISTRY.read_text(), re.MULTILINE)
CALL = re.compile(r"\bpg_(?:try_)?advisory_(?:xact_)?(?:un)?lock(?:_shared)?\(\s*(?P<key>[^,]*),")


def calls() -> Iterator[tuple[str, str]]:
    """File and first key of every call that takes or gives back an advisory lock."""
    for path in sorted((ROOT / "functions").rglob("*.sql*")):
        for match in CALL.finditer(path.read_text()):
            yield str(path.relative_to(ROOT)), match["key"]


def keys() -> Iterator[tuple[str, str]]:
    """The same, where jobs.reacquire_lock takes its first key from its callers, with those that they give."""
    yield from (call for call in calls() if call != ("functions/jobs/locks.sql", "kind"))
    for path in sorted((ROOT / "functions").rglob("*.sql*")):
        for key in re.findall(r"perform jobs\.reacquire_lock\(\s*([^,]*),", path.read_text()):
            yield str(path.relative_to(ROOT)), key


def test_every_advisory_lock_of_the_apps_has_its_classid_from_the_registry() -> None:
    taken = list(keys())
    assert len({path for path, _ in taken}) > 3
    assert [(path, key) for path, key in taken if key not in CLASSIDS] == []


def test_every_call_that_names_an_advisory_lock_is_one_that_was_looked_at() -> None:
    """However it is written: a call that the pattern does not read would pass unseen."""
    named = sum(
        len(re.findall(r"^(?!\s*--).*advisory_", path.read_text(), re.MULTILINE))
        for path in (ROOT / "functions").rglob("*.sql*")
    )
    assert named == len(list(calls()))


def test_the_registry_lists_no_lock_that_nobody_takes() -> None:
    assert set(CLASSIDS) == {key for _, key in keys()}


def test_no_two_kinds_of_lock_share_a_classid_nor_have_the_one_of_migrations(module_db: Database) -> None:
    classids = [module_db.value(f"select {name}") for name in CLASSIDS]
    assert len({*classids, LOCK[0]}) == len(CLASSIDS) + 1


def test_the_registry_tells_every_lock_of_the_tool_and_where_it_is_taken() -> None:
    takers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "generator").rglob("*.py")
        if re.search(r"pg_(try_)?advisory_lock", path.read_text())
    }
    assert takers == set(re.findall(r"generator/[\w/]+\.py", REGISTRY.read_text()))
