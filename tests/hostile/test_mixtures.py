"""Random mixtures: any RPC, any of its people, values of any type in any argument, at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import core, given, settings
from hypothesis import strategies as st

from tests.harness.apps import ready
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.rpcs import Rpc, rpcs
from tests.hostile.answers import Watch
from tests.hostile.inputs import BY_TYPE

VALUES = sorted({v for values in BY_TYPE.values() for v in values.values() if len(v) < 50_000})


@pytest.fixture(scope="module")
def prepared(module_db: Database) -> tuple[list[Rpc], Watch]:
    known = ready(module_db, "")
    return [rpc.knowing(known) for rpc in rpcs(module_db)], Watch(module_db)


# The same mixtures each time, others with --hypothesis-seed.
@settings(max_examples=150, deadline=None, derandomize=core.global_force_seed is None)
@given(data=st.data())
def test_a_mixture_is_answered_as_each_input_is(
    data: st.DataObject, module_db: Database, prepared: tuple[list[Rpc], Watch]
) -> None:
    all_rpcs, watch = prepared
    rpc = data.draw(st.sampled_from(all_rpcs))
    person = data.draw(st.sampled_from(rpc.people))
    hostile = {a: data.draw(st.sampled_from([*VALUES, rpc.good(a)])) for a, _ in rpc.arguments}
    unknown = data.draw(st.dictionaries(st.text(max_size=8), st.sampled_from(VALUES), max_size=1))
    values = hostile | {json.dumps(name)[1:-1]: value for name, value in unknown.items()}
    body = "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"
    answer = module_db.raw_call(person, rpc.name, body)
    count("random mixtures of hostile inputs to RPCs")
    assert watch.complaint(answer, []) is None, (rpc.name, person.name, answer)
