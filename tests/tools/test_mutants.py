"""The tool of `make mutants`: its draw, its kinds of changes, and which tests it asks first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.harness import templates
from tests.harness.declared import APPS, needing
from tests.harness.server import ROOT, Server
from tests.tools.mutants import draw
from tests.tools.mutants.masking import masked
from tests.tools.mutants.mutators import MUTATORS, changes
from tests.tools.mutants.places import Mutant, eligible
from tests.tools.mutants.trial import files_for


@pytest.fixture(scope="module")
def places(server: Server) -> list[Mutant]:
    return list(eligible(templates.steps(server)))


def test_every_kind_has_places_in_the_apps(places: list[Mutant]) -> None:
    assert {place.kind for place in places} == set(MUTATORS)


def test_no_two_mutants_are_one(places: list[Mutant]) -> None:
    assert len(set(places)) == len(places)


def test_the_same_seed_draws_the_same_and_another_others(places: list[Mutant]) -> None:
    one, again, other = (draw.draw(places, seed, 60, lambda mutant: True) for seed in (1, 1, 2))
    assert one == again
    assert one.mutants != other.mutants
    assert {mutant.kind for mutant in one.mutants} == set(MUTATORS)


def test_what_the_server_does_not_take_is_put_aside_and_counted(places: list[Mutant]) -> None:
    refused = {place for place in places if place.kind == "lock"}
    drawn = draw.draw(places, 1, 60, lambda mutant: mutant not in refused)
    assert len(drawn.mutants) == 60
    assert not refused & set(drawn.mutants)
    assert drawn.unparsed == len(refused)


def test_every_mutant_changes_its_step_in_its_own_place_alone(server: Server, places: list[Mutant]) -> None:
    steps = {step.key: step for step in templates.steps(server)}
    seen = set()
    for place in places:
        changed = place.applied(steps[place.step]).sql
        assert changed != steps[place.step].sql
        assert len(changed) == len(steps[place.step].sql) + len(place.after) - len(place.before)
        seen.add((place.step, changed))
    assert len(seen) == len(places)


def test_the_committed_draw_is_read_as_it_was_made() -> None:
    drawn = draw.read()
    assert len(drawn.mutants) >= 150
    assert {mutant.app for mutant in drawn.mutants} == set(drawn.apps) <= set(APPS)
    assert {mutant.kind for mutant in drawn.mutants} == set(MUTATORS)


def test_comments_strings_and_documentation_are_no_code() -> None:
    sql = "-- a < b and c\nselect 'x and y' where a < 1;\ncomment on table t is 'it''s a = b;';\n"
    assert [(kind, change.before, change.after) for kind, change in changes(sql)] == [
        ("comparison", "<", "<="),
        ("number", "1", "2"),
        ("number", "1", "0"),
    ]
    assert len(masked(sql)) == len(sql)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("policy", "create policy p on t\nusing (a = b);", "create policy p on t\nusing (true);"),
        ("grant", "\ngrant select (a) on t to anon;", "\ngrant select on t to anon;"),
        (
            "rpc",
            'core.build_wrappers(\n"d": [\n "authenticated"',
            'core.build_wrappers(\n"d": [\n "anon", "authenticated"',
        ),
        ("definer check", "perform core.require_administrator();", "null;"),
        ("refusal", "perform core.raise('x', y);", "null;"),
        ("constraint", "create table t (\n a int not null,\n b int);", "create table t (\n a int,\n b int);"),
        ("constraint", "t (constraint c check (a > (0)), b", "t (constraint c check (true), b"),
        ("setting", 'core.declare_settings("maximum": 9', 'core.declare_settings("maximum": 10'),
        ("lock", "from t\n    for update;", "from t;"),
        ("conflict", "values (1)\n    on conflict do nothing;", "values (1);"),
        ("comparison", "if a >= b then", "if a > b then"),
        ("boolean", "where a and b", "where a or b"),
        ("number", "x := y % 64;", "x := y % 65;"),
    ],
)
def test_a_mutant_of_each_kind(kind: str, before: str, after: str) -> None:
    texts = [
        before[: change.start] + change.after + before[change.start + len(change.before) :]
        for of, change in changes(before)
        if of == kind
    ]
    assert after in texts


def test_what_says_nothing_is_no_place() -> None:
    key = "create table t (\n a int not null,\n constraint p primary key (a)\n);"
    assigned = "update t set a = b"
    bounds = "x between y and z"
    for sql in (key, assigned, bounds):
        assert list(changes(sql)) == []


def test_those_tests_come_first_that_name_what_was_changed(places: list[Mutant]) -> None:
    place = next(place for place in places if place.routine == "claim_steps" and place.kind == "refusal")
    assert files_for(ROOT, place)[0] == "tests/luckywalk/test_claims.py"
    right = next(place for place in places if place.app == "luckywalk" and place.kind == "grant")
    assert files_for(ROOT, right)[0].startswith("tests/access/")
    assert "tests/jobs/test_runs.py" in files_for(ROOT, replace(place, app="core"))


def test_a_mutant_is_tried_on_the_tests_of_its_app_and_of_those_that_stand_on_it() -> None:
    assert set(APPS) >= set(needing("core")) >= {"core", "jobs", "ledger", "luckywalk"}
    assert {"jobs", "luckywalk"} <= set(needing("jobs")) <= set(APPS) - {"core", "ledger"}
    assert {"ledger", "luckywalk"} <= set(needing("ledger")) <= set(APPS) - {"core", "jobs"}
    assert "luckywalk" in needing("luckywalk")
    assert not {"core", "jobs", "ledger"} & set(needing("luckywalk"))
