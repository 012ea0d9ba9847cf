"""Each app has its file in tests/apps, which names only what the app declares, and all that it has to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.apps import AppTests, UnregisteredError, left_over, missing, said_by
from tests.harness.databases import Database
from tests.harness.declared import APP_OF_RPC, APPS, FUNCTIONS, TABLES


@pytest.mark.parametrize("app", APPS)
def test_the_tests_of_all_apps_know_the_app(app: str) -> None:
    assert missing(app) is None, missing(app)
    assert isinstance(said_by(app), AppTests)


def test_no_file_is_of_an_app_that_is_gone() -> None:
    assert left_over() == []


@pytest.mark.parametrize("app", APPS)
def test_an_apps_file_names_what_the_app_declares(app: str, module_db: Database) -> None:
    said = said_by(app)
    rpcs = {*said.calls, *(rpc for rpc, _ in said.accepted)}
    assert {rpc for rpc in rpcs if APP_OF_RPC.get(rpc) != app} == set(), "these are no RPCs of the app"
    assert set(said.traces.values()) <= TABLES.keys()
    # They commit, so that no test calls them inside of a transaction.
    procedures = module_db.rows(
        "select proname as name from pg_proc where prokind = 'p' and pronamespace = %s::regnamespace", app
    )
    assert said.functions.keys() == FUNCTIONS[app].keys() - {row["name"] for row in procedures}, (
        f"`functions` in tests/apps/{app}.py says how each function is called that policies/{app}.yaml lets "
        "somebody call directly"
    )


def test_an_app_without_a_file_is_told_which_to_write() -> None:
    with pytest.raises(UnregisteredError) as told:
        said_by("nowhere")
    assert str(told.value) == (
        "policies/nowhere.yaml declares an app that the tests of all apps know nothing of: "
        "write tests/apps/nowhere.py (docs/contributing.md#an-app-in-the-tests-of-all-apps)."
    )


def test_a_file_whose_app_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "tests/apps").mkdir(parents=True)
    for name in ("core", "parking"):
        (tmp_path / f"tests/apps/{name}.py").touch()
    assert left_over(tmp_path, ("core",)) == [
        "tests/apps/parking.py is of an app that apps.yaml does not have: delete it."
    ]
