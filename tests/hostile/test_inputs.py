"""Hostile input to every door: a catalogued refusal, nothing changed, nothing told, the door unharmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.people import walker
from tests.harness.refusals import catalogue
from tests.harness.responses import Response
from tests.hostile.doors import Door, declared, doors
from tests.hostile.inputs import BODIES, BY_TYPE
from tests.hostile.readiness import ready

# What Postgres or PostgREST says before our code runs; nothing else may come uncatalogued. 54000: an array
# of more than six dimensions, refused while the body is read.
BEFORE_US = {"22P02", "22003", "22007", "22008", "22023", "22P05", "54000", "54001", "PGRST102", "PGRST202"}
# PostgREST takes a body that is no object for one without arguments.
NAMES_NO_ARGUMENT = {"a text", "a number"}
NAMES = sorted(declared())
# What a door takes although it looks hostile, with the reason why that is right.
ACCEPTED: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
    (Path(__file__).parent / "accepted.yaml").read_text()
)
TABLES = """
select format(
    'select %L as name, md5(coalesce(string_agg(md5(t::text), '''' order by md5(t::text)), '''')) as sum '
    'from %s as t', c.oid::regclass, c.oid::regclass
) as query
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname in ('core', 'jobs', 'ledger', 'luckywalk', 'test_clock')
order by 1
"""


@pytest.fixture
def queries(db: Database) -> list[str]:
    return [row["query"] for row in db.rows(TABLES)]


def state(db: Database, queries: list[str]) -> dict[str, str]:
    """A sum of every table of ours."""
    return {row["name"]: row["sum"] for row in db.rows(" union all ".join(queries))}


def judge(answer: Response, hostile: str, secrets: list[str]) -> str | None:
    """What is wrong with a refusal; None when nothing is."""
    errors = {error for app in ("core", "jobs", "ledger", "luckywalk") for error in catalogue(app)}
    code = str(answer.body.get("code")) if isinstance(answer.body, dict) else None
    if code not in errors | BEFORE_US:
        return f"answers {answer.status} {code}, which nobody catalogued"
    if code == "internal_error":
        return "is an internal error"
    if code in errors and set(answer.body) != {"code", "message", "details", "hint"}:
        return f"has the keys {sorted(answer.body)}"
    told = f"{answer.body} {dict(answer.headers)}"
    if code in errors and len(hostile) > 6 and hostile.strip('"') in told:
        return "gives the input back"
    for secret in secrets:
        if secret in told:
            return f"tells {secret}"
    return None


def hostile_inputs(door: Door) -> Iterator[tuple[str, str, str, str]]:
    """(argument, class, value, body) for every argument, and with each argument missing or wrongly cased."""
    for argument, kind in door.arguments:
        assert kind in BY_TYPE, f"tests/hostile/inputs.py has no classes for {kind}, of {door.name}"
        for name, value in BY_TYPE[kind].items():
            yield argument, name, value, door.body(**{argument: value})
        others = {a: door.good(a, k) for a, k in door.arguments if a != argument}
        text = ", ".join(f'"{a}": {value}' for a, value in others.items())
        yield argument, "missing", "", "{" + text + "}"
        good = door.good(argument, kind)
        cased = f'"{argument.upper()}": {good}'
        yield argument, "in capitals", "", "{" + ", ".join(filter(None, [text, cased])) + "}"
        doubled = f'"{argument}": {good}, "{argument}": {{"a": 1}}'
        yield argument, "doubled", "", "{" + ", ".join(filter(None, [text, doubled])) + "}"
        extra = f'"{argument}": {good}, "user_id": "{walker(2).user_id}"'
        yield argument, "with another's user_id", "", "{" + ", ".join(filter(None, [text, extra])) + "}"


@pytest.mark.parametrize("name", NAMES)
def test_hostile_input_is_refused_by_the_catalogue_and_changes_nothing(
    name: str, db: Database, queries: list[str]
) -> None:
    [door] = [door for door in doors(db) if door.name == name]
    door = door.knowing(ready(db, name))
    tickets = [str(row["ticket_id"]) for row in db.rows("select ticket_id from luckywalk.tickets")]
    secrets = [
        "luckywalk.",
        "core.",
        "ledger.",
        "_pkey",
        "PL/pgSQL",
        "line ",
        *tickets,
        str(walker(2).user_id),
    ]
    accepted = dict(ACCEPTED.get(name, {}))
    wrong: list[str] = []
    taken: dict[str, list[str]] = {}
    before = state(db, queries)
    for person in door.people:
        for argument, kind, value, body in hostile_inputs(door):
            answer = db.raw_call(person, name, body)
            count("hostile inputs to doors (door, argument, class)")
            if answer.ok:
                taken.setdefault(argument, []).append(kind)
                before = state(db, queries)
                continue
            complaint = judge(answer, value, secrets)
            if complaint is not None:
                wrong.append(f"{person.name}: {argument}: {kind}: {complaint}")
            elif (after := state(db, queries)) != before:
                changed = [table for table, total in after.items() if before[table] != total]
                wrong.append(f"{person.name}: {argument}: {kind}: refused, and changed {changed}")
                before = after
    for argument, kinds in taken.items():
        for kind in kinds:
            if kind not in accepted.get(argument, {}):
                wrong.append(f"{argument}: {kind}: is accepted, which accepted.yaml does not explain")
    for argument, reasons in accepted.items():
        for kind in reasons:
            if kind not in taken.get(argument, []):
                wrong.append(f"{argument}: {kind}: is in accepted.yaml, and refused")
    assert not wrong, "\n".join(wrong)
    unharmed = db.raw_call(door.people[-1], name, door.body())
    assert unharmed.ok, unharmed


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_body_is_refused_before_the_door(name: str, db: Database, queries: list[str]) -> None:
    [door] = [door for door in doors(db) if door.name == name]
    ready(db, name)
    before = state(db, queries)
    for person in door.people:
        for kind, body in BODIES.items():
            answer = db.raw_call(person, name, body)
            count("hostile inputs to doors (door, argument, class)")
            if not door.arguments and kind in NAMES_NO_ARGUMENT:
                assert answer.ok, (kind, answer)
            else:
                assert answer.code in {"PGRST102", "PGRST202"}, (kind, answer)
    assert state(db, queries) == before
