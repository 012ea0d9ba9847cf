"""The core in the tests of all apps: settings and secrets."""

from __future__ import annotations

from tests.harness.apps import AppTests, Call
from tests.harness.databases import Database
from tests.harness.people import admin


def fill(db: Database) -> None:
    """A secret, and a setting that an administrator has changed."""
    db.owner.execute("insert into core.secrets values ('key', '\\x00', core.now())")
    assert db.call(admin, "set_setting", name="jobs.history_runs", value=60).ok


TESTS = AppTests(
    fill=fill,
    calls={"set_setting": Call({"name": "jobs.history_runs", "value": 50})},
    accepted={("set_setting", "value"): {"a number": "It lies within the setting's bounds."}},
    # What a wrapper calls in its handler: it raises.
    functions={"raise_to_client": "'', '', '', '', ''"},
    forbidden=(
        "update core.settings set value = '9000000'",
        "delete from core.errors",
        "select core.set_secret('x', 'y')",
        "select core.build_wrappers('core', '{}')",
        "select core.declare_settings('core', '[]')",
    ),
    killers=("tests/harness/test_postgrest_shape.py",),
)
