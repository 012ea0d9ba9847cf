"""Settings: typed, bounded, changed by owner or administrator only, every change kept."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import admin, anon, service, walker
from tests.harness.refusals import assert_says, refused, rolled_back
from tests.harness.target import OWNER
from tests.luckywalk.by_hand import waits_for

POT = "luckywalk.tier1_pot"


def fits(db: Database, value_type: str, value: object, minimum: object, maximum: object) -> Any:
    bounds = [None if bound is None else json.dumps(bound) for bound in (minimum, maximum)]
    query = "select core.setting_fits(%s, %s, %s, %s)"
    return db.value(query, value_type, json.dumps(value), *bounds)


@pytest.mark.parametrize(
    ("value_type", "value", "minimum", "maximum"),
    [
        ("integer", 0, 0, 10),
        ("integer", 10, 0, 10),
        ("integer", -(2**63), None, None),
        ("integer", 2**63 - 1, None, None),
        ("boolean", True, None, None),
        ("boolean", False, None, None),
        ("text", "", None, None),
        ("text", "가" * 10_000, None, None),
        ("time", "12:30", "00:00", "23:59"),
        ("time", "00:00", None, None),
        ("time", "12:30:59", None, None),
        ("time", "24:00", None, None),
        ("interval", "5 minutes", "1 minute", "1 hour"),
        ("interval", "0", None, None),
    ],
)
def test_a_value_of_the_type_within_its_bounds_fits(
    value_type: str, value: object, minimum: object, maximum: object, module_db: Database
) -> None:
    assert fits(module_db, value_type, value, minimum, maximum) is True


@pytest.mark.parametrize(
    ("value_type", "value", "minimum", "maximum"),
    [
        ("integer", -1, 0, 10),
        ("integer", 11, 0, 10),
        ("integer", 1.5, None, None),
        ("integer", "1", None, None),
        ("integer", 2**63, None, None),
        ("integer", True, None, None),
        ("boolean", 1, None, None),
        ("boolean", "true", None, None),
        ("text", 5, None, None),
        ("text", "가" * 10_001, None, None),
        ("time", "24:01", None, None),
        ("time", "noon", None, None),
        ("time", 12, None, None),
        *[
            ("time", text, None, None)
            for text in ("now", "allballs", "2020-01-01 12:00", "12:00 PST", "1200")
        ],
        ("time", "20:50", "00:00", "20:49"),
        ("time", ["12:30"], None, None),
        ("interval", "-1 second", None, None),
        ("interval", "1 day -1 hour", None, None),
        ("interval", 60, None, None),
        ("interval", "2 hours", "1 minute", "1 hour"),
        ("interval", "a while", None, None),
        *[(kind, None, None, None) for kind in ("integer", "boolean", "text", "time", "interval")],
        *[(kind, {"a": 1}, None, None) for kind in ("integer", "boolean", "text", "time", "interval")],
    ],
)
def test_any_other_value_does_not_fit(
    value_type: str, value: object, minimum: object, maximum: object, module_db: Database
) -> None:
    assert fits(module_db, value_type, value, minimum, maximum) is False


def test_an_administrator_changes_a_setting_and_the_change_is_kept(db: Database) -> None:
    db.clock("2025-01-06 09:00")
    changed = db.call(admin, "set_setting", name=POT, value=2_000_000).row
    assert (changed["name"], changed["value"], changed["default_value"]) == (POT, 2_000_000, 1_000_000)
    assert db.value("select core.setting_integer(%s)", POT) == 2_000_000
    [change] = db.rows("select * from core.setting_changes")
    assert (change["name"], change["old_value"], change["new_value"]) == (POT, 1_000_000, 2_000_000)
    assert change["changed_by"] == str(admin.user_id)
    assert change["changed_at"] == db.value("select core.now()")


def test_the_owner_changes_a_setting_in_sql_and_is_named(db: Database) -> None:
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute("select * from core.set_setting(%s, '7')", [POT])
    assert db.value("select changed_by from core.setting_changes") == OWNER


def test_two_changes_at_once_are_kept_one_after_the_other(db: Database) -> None:
    with db.server.connect(db.name) as first, ThreadPoolExecutor(1) as pool:
        with first.transaction():
            first.execute("select core.set_setting(%s, '5')", [POT])
            second = pool.submit(db.call, admin, "set_setting", name=POT, value=6)
            assert waits_for(db, first, unless=second.done)
        assert second.result().ok
    changes = db.rows("select old_value, new_value from core.setting_changes order by new_value::integer")
    assert [tuple(change.values()) for change in changes] == [(1_000_000, 5), (5, 6)]


def test_setting_what_is_set_already_is_no_change(db: Database) -> None:
    assert db.call(admin, "set_setting", name=POT, value=1_000_000).ok
    assert db.value("select count(*) from core.setting_changes") == 0


@pytest.mark.parametrize("value", ["many", -1, 10_000_000_001, 1.5, None, [1]])
def test_a_value_that_does_not_fit_is_refused_and_the_bounds_are_told(
    value: object, module_db: Database
) -> None:
    refusal = module_db.call(admin, "set_setting", name=POT, value=value)
    assert_says(refusal, "setting_invalid")
    told = {key: refusal.details[key] for key in ("type", "minimum", "maximum")}
    assert told == {"type": "integer", "minimum": 0, "maximum": 10_000_000_000}
    assert module_db.value("select core.setting_integer(%s)", POT) == 1_000_000


def test_json_null_is_no_value_of_any_setting(module_db: Database) -> None:
    names = [row["name"] for row in module_db.rows("select name from core.settings")]
    for name in names:
        with refused("setting_invalid"), rolled_back(module_db.owner, OWNER):
            module_db.owner.execute("select core.set_setting(%s, 'null')", [name])


def test_a_person_who_is_no_administrator_neither_reads_nor_changes_settings(module_db: Database) -> None:
    assert_says(module_db.call(walker(1), "set_setting", name=POT, value=5), "not_administrator")
    assert_says(module_db.call(walker(1), "list_settings"), "not_administrator")
    for person in (anon, service):
        assert module_db.call(person, "set_setting", name=POT, value=5).code == "42501"


def test_an_administrator_sees_all_settings_with_type_bounds_and_default(module_db: Database) -> None:
    listed = {row["name"]: row for row in module_db.call(admin, "list_settings").rows}
    assert listed.keys() == {row["name"] for row in module_db.rows("select name from core.settings")}
    assert listed[POT]["description"] == "Won, shared by the tickets with six numbers."


def declare(db: Database, **settings: dict[str, object]) -> None:
    rows = [
        {"name": name, "description": "For a test.", "minimum": None, "maximum": None, **setting}
        for name, setting in settings.items()
    ]
    db.owner.execute("select core.declare_settings('shop', %s)", [json.dumps(rows)])


def integer(default: int, **bounds: int) -> dict[str, object]:
    return {"value_type": "integer", "default_value": default, **bounds}


def in_force(db: Database) -> Any:
    return db.value("select core.setting('shop.size')")


def test_a_new_default_is_followed_by_a_setting_that_nobody_chose(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        declare(module_db, size=integer(3))
        declare(module_db, size=integer(4))
        assert in_force(module_db) == 4


def test_a_chosen_value_is_kept_when_the_setting_is_declared_again(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        declare(module_db, size=integer(3))
        module_db.owner.execute("select core.set_setting('shop.size', '9')")
        declare(module_db, size=integer(4, maximum=9))
        assert in_force(module_db) == 9


def test_a_chosen_value_that_no_longer_fits_gives_way_to_the_default(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        declare(module_db, size=integer(3))
        module_db.owner.execute("select core.set_setting('shop.size', '9')")
        declare(module_db, size=integer(4, maximum=8))
        assert in_force(module_db) == 4
        declare(module_db, size={"value_type": "text", "default_value": "large"})
        assert in_force(module_db) == "large"


def test_a_setting_that_is_no_longer_declared_is_gone_and_other_apps_keep_theirs(
    module_db: Database,
) -> None:
    with rolled_back(module_db.owner):
        before = module_db.value("select count(*) from core.settings")
        declare(module_db, size=integer(3), colour=integer(1))
        declare(module_db, colour=integer(1))
        assert module_db.value("select count(*) from core.settings") == before + 1
        with refused("setting_not_found"), module_db.owner.transaction():
            in_force(module_db)


def test_a_default_outside_of_its_own_bounds_cannot_be_declared(module_db: Database) -> None:
    with refused("22023") as refusal, rolled_back(module_db.owner):
        declare(module_db, size=integer(3, minimum=4))
    assert "shop.size" in refusal.message


def test_times_are_read_as_times(module_db: Database) -> None:
    assert str(module_db.value("select core.setting_time('luckywalk.opening_time')")) == "12:30:00"
