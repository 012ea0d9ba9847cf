"""An app in the tests that all apps share: its rows, its calls and its exceptions, in tests/apps/<app>.py.

Those tests read from the declarations what there is: tables, views, RPCs and their roles, jobs. What no
declaration says, how a table gets its rows or with what an RPC works, is said there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

from tests.harness.databases import Database
from tests.harness.declared import APP_OF_RPC, APPS
from tests.harness.server import ROOT

FOLDER = "tests/apps"


@dataclass(frozen=True)
class Since:
    """A reason that holds from a version of PostgreSQL on; an older one refuses the input."""

    version: int
    reason: str


# Class of hostile input → why it is right to take it.
Reasons = Mapping[str, str | Since]


@dataclass(frozen=True)
class Call:
    """A call of an RPC that gets to its end in a filled database.

    arguments:        by name, as JSON values; left out: the app's sample, else a good value of its type.
    says:             the error that is its end; None: it answers.
    to_administrator: the same to an administrator who is let in as anybody else, and has no rows.
    not_signed_in:    what it says to a token of nobody who is signed in; None: it asks for nobody.
    """

    arguments: Mapping[str, object] = field(default_factory=dict)
    says: str | None = None
    to_administrator: str | None = None
    not_signed_in: str | None = "not_signed_in"


@dataclass(frozen=True)
class AppTests:
    """What an app tells the tests that all apps share. All of it may be left out where there is nothing.

    fill:       puts a row of walkers 1 and 2 each in every table with a user_id, and a row in every other.
    ready:      brings the app to where this RPC works (any app's; "": no one RPC), with walkers 1 and 2 in it
                under their names; left out, `fill`.
    calls:      the RPCs that need more than samples to get to their end.
    samples:    good values by argument, as JSON values.
    found:      good values that are known only when all apps are ready, by argument: a query for each.
    later:      SQL of the owner's that makes what the app makes after its migration, as partitions.
    traces:     errors that an RPC answers as a row, since raising them would undo their trace: its table.
    secrets:    queries for texts that no refusal may tell.
    accepted:   (RPC, argument) → hostile input that is taken, with the reason why that is right.
    types:      classes of hostile input for an argument's type that tests/hostile/inputs.py does not have.
    functions:  the arguments, in SQL, of each function that a line of policies lets somebody call directly.
    forbidden:  statements that would take or change what is somebody else's, tried by everybody.
    killers:    tests besides those in tests/<app> that mutants of the app are tried on.
    likely:     tests that most likely kill a mutant, by how the key of its step begins: asked first.
    slow:       files of tests/<app> that mutants are not tried on.
    """

    fill: Callable[[Database], None] = lambda db: None
    ready: Callable[[Database, str], None] | None = None
    calls: Mapping[str, Call] = field(default_factory=dict)
    samples: Mapping[str, object] = field(default_factory=dict)
    found: Mapping[str, str] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    traces: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    accepted: Mapping[tuple[str, str], Reasons] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    killers: tuple[str, ...] = ()
    likely: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    slow: tuple[str, ...] = ()


class UnregisteredError(AssertionError):
    """An app that the shared tests know nothing of, or a file for an app that is not there."""


def missing(app: str, root: Path = ROOT) -> str | None:
    """The sentence about an app without its file."""
    if (root / FOLDER / f"{app}.py").is_file():
        return None
    return (
        f"policies/{app}.yaml declares an app that the tests of all apps know nothing of: "
        f"write {FOLDER}/{app}.py (docs/contributing.md#an-app-in-the-tests-of-all-apps)."
    )


def left_over(root: Path = ROOT, apps: tuple[str, ...] = APPS) -> list[str]:
    """A sentence about each file whose app is gone."""
    files = sorted((root / FOLDER).glob("[!_]*.py"))
    return [
        f"{FOLDER}/{file.name} is of an app that apps.yaml does not have: delete it."
        for file in files
        if file.stem not in apps
    ]


@cache
def said_by(app: str) -> AppTests:
    """What the app's file says."""
    if sentence := missing(app):
        raise UnregisteredError(sentence)
    said = import_module(f"tests.apps.{app}").TESTS
    assert isinstance(said, AppTests)
    return said


def registered() -> dict[str, AppTests]:
    """What each app's file says, an app after those that it needs."""
    return {app: said_by(app) for app in APPS}


def call_of(rpc: str) -> Call:
    """How the RPC is called, and what it answers."""
    return said_by(APP_OF_RPC[rpc]).calls.get(rpc, Call())


def fill(db: Database) -> None:
    """Rows of every app: two walkers who have something to lose."""
    for said in registered().values():
        said.fill(db)


def ready(db: Database, rpc: str) -> dict[str, object]:
    """Bring every app to where this RPC works; good values that are known only then, by argument."""
    for said in registered().values():
        if said.ready is None:
            said.fill(db)
        else:
            said.ready(db, rpc)
    queries = {name: query for said in registered().values() for name, query in said.found.items()}
    return {name: db.value(query) for name, query in queries.items()}
