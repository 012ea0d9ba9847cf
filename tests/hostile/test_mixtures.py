"""Random mixtures: any door, any of its people, values of any type in any argument, at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import core, given, settings
from hypothesis import strategies as st

from tests.harness.databases import Database
from tests.harness.figures import count
from tests.hostile.answers import Watch
from tests.hostile.doors import Door, doors
from tests.hostile.inputs import BY_TYPE
from tests.hostile.readiness import ready

VALUES = sorted({v for values in BY_TYPE.values() for v in values.values() if len(v) < 50_000})


@pytest.fixture(scope="module")
def prepared(module_db: Database) -> tuple[list[Door], Watch]:
    known = ready(module_db, "")
    return [door.knowing(known) for door in doors(module_db)], Watch(module_db)


# The same mixtures each time, others with --hypothesis-seed.
@settings(max_examples=150, deadline=None, derandomize=core.global_force_seed is None)
@given(data=st.data())
def test_a_mixture_is_answered_as_each_input_is(
    data: st.DataObject, module_db: Database, prepared: tuple[list[Door], Watch]
) -> None:
    all_doors, watch = prepared
    door = data.draw(st.sampled_from(all_doors))
    person = data.draw(st.sampled_from(door.people))
    hostile = {a: data.draw(st.sampled_from([*VALUES, door.good(a, kind)])) for a, kind in door.arguments}
    unknown = data.draw(st.dictionaries(st.text(max_size=8), st.sampled_from(VALUES), max_size=1))
    values = hostile | {json.dumps(name)[1:-1]: value for name, value in unknown.items()}
    body = "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"
    answer = module_db.raw_call(person, door.name, body)
    count("random mixtures of hostile inputs to doors")
    assert watch.complaint(answer, []) is None, (door.name, person.name, answer)
