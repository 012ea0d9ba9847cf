"""The draw: mutants by a seed from all eligible places, before any is run, and the file that holds it.

Kind after kind in turn, so that a kind with few places (a policy) is drawn as surely as one with many (a
number). What the server does not take (a mutant that does not parse) is no mutant: the next of its kind is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dotbase.render.steps import Step
from tests.harness import server as servers
from tests.harness import templates
from tests.harness.target import OWNER
from tests.tools.mutants.mutators import MUTATORS
from tests.tools.mutants.places import Mutant, eligible

SEED = 645
SIZE = 168
FILE = Path(__file__).with_name("drawn.jsonl")
DATABASE = "dotbase_mutants_parse"


@dataclass(frozen=True)
class Draw:
    """What was drawn, from how many, with what seed."""

    seed: int
    apps: list[str]  # those that there were
    places: dict[str, int]  # eligible, by kind
    unparsed: int  # drawn, but not taken by the server, so put aside
    mutants: list[Mutant]


def draw(places: Sequence[Mutant], seed: int, size: int, parses: Callable[[Mutant], bool]) -> Draw:
    """The same for the same places and seed."""
    chance = random.Random(seed)
    kinds: dict[str, list[Mutant]] = {}
    for kind in MUTATORS:
        kinds[kind] = [place for place in places if place.kind == kind]
        chance.shuffle(kinds[kind])
    counts = {kind: len(those) for kind, those in kinds.items()}
    drawn: list[Mutant] = []
    unparsed = 0
    while len(drawn) < size and any(kinds.values()):
        for those in kinds.values():
            while those:
                mutant = those.pop()
                if parses(mutant):
                    drawn.append(mutant)
                    break
                unparsed += 1
    order = {place: number for number, place in enumerate(places)}
    apps = list(dict.fromkeys(place.app for place in places))
    return Draw(seed, apps, counts, unparsed, sorted(drawn[:size], key=lambda mutant: order[mutant]))


def read(path: Path = FILE) -> Draw:
    """The draw as it was made."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    about = json.loads(head)
    mutants = [Mutant(**json.loads(line)) for line in lines]
    return Draw(about["seed"], about["apps"], about["places"], about["unparsed"], mutants)


def write(drawn: Draw, path: Path = FILE) -> None:
    """A line about the draw, then a line a mutant."""
    about: dict[str, Any] = {
        "seed": drawn.seed,
        "apps": drawn.apps,
        "unparsed": drawn.unparsed,
        "places": drawn.places,
    }
    lines = [about, *(mutant.as_json() for mutant in drawn.mutants)]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def make() -> Draw:
    """Draws from the checkout as it stands."""
    server = servers.start("mutants")
    steps = templates.steps(server)
    with parser(server, steps) as parses:
        return draw(list(eligible(steps)), SEED, SIZE, parses)


@contextmanager
def parser(server: servers.Server, steps: Sequence[Step]) -> Iterator[Callable[[Mutant], bool]]:
    """Asks the server whether it takes a mutant's step, in a database that has all the others."""
    by_key = {step.key: step for step in steps}
    name = sql.Identifier(DATABASE)
    with server.connect("postgres") as maintenance:
        maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        maintenance.execute(sql.SQL("create database {}").format(name))
        try:
            with server.connect(DATABASE) as connection:
                templates.apply(connection, steps, OWNER)
                connection.execute(sql.SQL("set role {}").format(sql.Identifier(OWNER)))
                yield lambda mutant: _parses(connection, by_key[mutant.step], mutant)
        finally:
            maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(name))


def _parses(connection: psycopg.Connection[Any], step: Step, mutant: Mutant) -> bool:
    changed = mutant.applied(step)
    assert changed.sql != step.sql, mutant
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local check_function_bodies = on")
            if step.kind == "versioned":
                connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(step.app)))
            connection.execute(changed.sql.encode())
    except psycopg.Error:
        return False
    return True
