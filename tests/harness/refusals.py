"""The declared errors as their YAML files have them, and refusals seen by SQL users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import yaml

from tests.harness.responses import Response
from tests.harness.server import ROOT


@dataclass(frozen=True)
class DeclaredError:
    """One entry of an errors.yaml."""

    name: str
    sqlstate: str
    status: int
    en: str
    ko: str
    hint: str
    constraints: list[str] = field(default_factory=list)
    retry_after: int | None = None


def declared_errors(app: str) -> dict[str, DeclaredError]:
    """The errors that an app declares, by name."""
    declared = yaml.safe_load((ROOT / "functions" / app / "errors.yaml").read_text())
    return {name: DeclaredError(name, **entry) for name, entry in declared.items()}


def apps() -> list[str]:
    """The names of the apps, in their order."""
    return list(yaml.safe_load((ROOT / "apps.yaml").read_text())["apps"])


def all_declared_errors() -> dict[str, DeclaredError]:
    """The errors of all apps, by name."""
    return {name: error for app in apps() for name, error in declared_errors(app).items()}


def assert_says(answer: Response, name: str) -> None:
    """The client was told this error, in all its parts."""
    error = all_declared_errors()[name]
    assert answer.code == name, answer.body
    assert answer.status == error.status
    assert set(answer.body) == {"code", "message", "details", "hint"}
    assert answer.body["message"] == error.en
    assert answer.details["message_ko"] == error.ko
    assert answer.body["hint"] == error.hint
    # PostgREST itself puts a 0 to a 503 that has none.
    without = "0" if error.status == 503 else None
    assert answer.headers.get("retry-after") == (str(error.retry_after) if error.retry_after else without)


@dataclass
class Refusal:
    """What the database said; filled when the block has ended."""

    message: str = ""
    detail: str = ""
    constraint: str | None = None


@contextmanager
def refused(name_or_sqlstate: str) -> Iterator[Refusal]:
    """The block ends in this declared error (or bare SQLSTATE), as an SQL user sees it."""
    error = all_declared_errors().get(name_or_sqlstate)
    refusal = Refusal()
    with pytest.raises(psycopg.Error) as caught:
        yield refusal
    diag = caught.value.diag
    refusal.message = diag.message_primary or ""
    refusal.detail = diag.message_detail or ""
    refusal.constraint = diag.constraint_name
    if error is not None and diag.constraint_name in error.constraints:
        return
    wanted = error.sqlstate if error else name_or_sqlstate
    assert caught.value.sqlstate == wanted, f"{caught.value.sqlstate}: {caught.value}"


@contextmanager
def rolled_back(connection: psycopg.Connection[Any], role: str | None = None) -> Iterator[None]:
    """A transaction that is rolled back whatever happens in it, as this role."""
    with connection.transaction(force_rollback=True):
        if role is not None:
            connection.execute(f"set local role {role}".encode())
        yield
