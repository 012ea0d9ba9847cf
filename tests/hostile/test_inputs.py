"""Hostile input to every RPC: a declared refusal, nothing changed, nothing told, the RPC unharmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.apps import Since, ready, said_by
from tests.harness.databases import Database
from tests.harness.declared import APP_OF_RPC, RPCS
from tests.harness.figures import count
from tests.harness.people import walker
from tests.harness.rpcs import Rpc, rpcs
from tests.hostile.answers import Watch
from tests.hostile.inputs import BODIES, BY_TYPE

FIGURE = "hostile inputs to RPCs (rpc, argument, class)"
# PostgREST takes a body that is no object, and an array without rows, for one without arguments.
NAMES_NO_ARGUMENT = {"a text", "a number", "null", "an empty array"}
NAMES = sorted(RPCS)


def hostile_inputs(rpc: Rpc) -> Iterator[tuple[str, str, str, str]]:
    """(argument, class, value, body) for every argument, and with each argument missing or wrongly cased."""
    file = f"tests/apps/{rpc.app}.py"
    by_type = {**BY_TYPE, **said_by(rpc.app).types}
    for argument, kind in rpc.arguments:
        assert kind in by_type, (
            f"{rpc.name}: {argument} is of type {kind}: add its classes to `types` in {file}"
        )
        for name, value in by_type[kind].items():
            yield argument, name, value, rpc.body(**{argument: value})
        others = {a: rpc.good(a) for a, _ in rpc.arguments if a != argument}
        text = ", ".join(f'"{a}": {value}' for a, value in others.items())
        yield argument, "missing", "", "{" + text + "}"
        good = rpc.good(argument)
        cased = f'"{argument.upper()}": {good}'
        yield argument, "in capitals", "", "{" + ", ".join(filter(None, [text, cased])) + "}"
        doubled = f'"{argument}": {good}, "{argument}": {{"a": 1}}'
        yield argument, "doubled", "", "{" + ", ".join(filter(None, [text, doubled])) + "}"
        extra = f'"{argument}": {good}, "user_id": "{walker(2).user_id}"'
        yield argument, "with another's user_id", "", "{" + ", ".join(filter(None, [text, extra])) + "}"


def explained_for(name: str, version: int) -> set[tuple[str, str]]:
    """(argument, class) that the RPC's app gives a reason for, on this version of PostgreSQL."""
    return {
        (argument, kind)
        for (rpc, argument), kinds in said_by(APP_OF_RPC[name]).accepted.items()
        for kind, reason in kinds.items()
        if rpc == name and not (isinstance(reason, Since) and version < reason.version)
    }


def test_every_rpc_is_declared(db: Database) -> None:
    assert [rpc.name for rpc in rpcs(db)] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_hostile_input_is_refused_by_a_declared_error_and_changes_nothing(name: str, db: Database) -> None:
    [rpc] = [rpc for rpc in rpcs(db) if rpc.name == name]
    rpc = rpc.knowing(ready(db, name))
    watch = Watch(db)
    wrong: list[str] = []
    taken: set[tuple[str, str]] = set()
    given: set[tuple[str, str]] = set()
    for person in rpc.people:
        for argument, kind, value, body in hostile_inputs(rpc):
            answer = db.raw_call(person, name, body)
            given.add((argument, kind))
            if answer.ok:
                taken.add((argument, kind))
            if complaint := watch.complaint(answer, [value]):
                wrong.append(f"{person.name}: {argument}: {kind}: {complaint}")
    count(FIGURE, len(given))
    explained = explained_for(name, db.owner.info.server_version // 10_000)
    where = f"`accepted` in tests/apps/{rpc.app}.py"
    wrong += [f"{a}: {kind}: is taken, which {where} does not explain" for a, kind in taken - explained]
    wrong += [f"{a}: {kind}: is refused, which {where} says is taken" for a, kind in explained - taken]
    assert not wrong, "\n".join(wrong)
    unharmed = db.raw_call(rpc.people[-1], name, rpc.body())
    assert unharmed.ok, unharmed


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_body_is_refused_before_the_rpc(name: str, db: Database) -> None:
    [rpc] = [rpc for rpc in rpcs(db) if rpc.name == name]
    ready(db, name)
    watch = Watch(db)
    for person in rpc.people:
        for kind, body in BODIES.items():
            answer = db.raw_call(person, name, body)
            if not rpc.arguments and kind in NAMES_NO_ARGUMENT:
                assert answer.ok, (kind, answer)
            else:
                assert answer.code in {"PGRST102", "PGRST202"}, (kind, answer)
                assert watch.complaint(answer, []) is None, kind
    assert watch.changed() is None
    count(FIGURE, len(BODIES))
