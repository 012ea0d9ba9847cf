"""Changes of the API that break its clients: what they call, send or read goes, or is theirs no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dotbase.catalog.api import Api, Column, Rpc, View


@dataclass(frozen=True)
class Break:
    """One thing that a client depends on and that goes.

    object: `api.claim_steps`.
    what:   what is different, as a clause.
    """

    object: str
    what: str

    def __str__(self) -> str:
        return f"{self.object}: {self.what}"


def breaking(before: Api, after: Api) -> list[Break]:
    """What breaks clients of `before` when `after` takes its place; what is only added breaks nobody."""
    found = [*_rpcs(before, after), *_views(before.views, after.views)]
    types = {row_type.name: row_type.columns for row_type in after.row_types}
    returned = {_returned(rpc) for rpc in before.rpcs}
    for row_type in before.row_types:
        # A type that is gone is told by the RPCs that returned it.
        if row_type.name in types and f"api.{row_type.name}" in returned:
            changes = _columns(row_type.columns, types[row_type.name])
            found += [Break(f"api.{row_type.name}", what) for what in changes]
    return found


def _rpcs(before: Api, after: Api) -> Iterator[Break]:
    now = {rpc.name: rpc for rpc in after.rpcs}
    for old in before.rpcs:
        new = now.get(old.name)
        changes = ["the RPC is gone"] if new is None else list(_rpc(old, new))
        yield from (Break(f"api.{old.name}", what) for what in changes)


def _rpc(old: Rpc, new: Rpc) -> Iterator[str]:
    arguments = {argument.name: argument for argument in new.arguments}
    for argument in old.arguments:
        same = arguments.pop(argument.name, None)
        if same is None:
            yield f"argument {argument.name} is gone"
            continue
        if same.type != argument.type:
            yield f"argument {argument.name} is {same.type}, it was {argument.type}"
        if same.default is None and argument.default is not None:
            yield f"argument {argument.name} must be sent, it had a default"
    for argument in arguments.values():
        if argument.default is None:
            yield f"argument {argument.name} is new and must be sent"
    if new.result != old.result:
        yield f"it returns {new.result}, it returned {old.result}"
    if old.volatility != "volatile" and new.volatility == "volatile":
        yield "it writes now, so that it cannot be called by GET any more"
    yield from _roles(old.roles, new.roles)


def _views(before: Sequence[View], after: Sequence[View]) -> Iterator[Break]:
    now = {view.name: view for view in after}
    for old in before:
        new = now.get(old.name)
        if new is None:
            yield Break(f"api.{old.name}", "the view is gone")
            continue
        for what in (*_columns(old.columns, new.columns), *_roles(old.roles, new.roles)):
            yield Break(f"api.{old.name}", what)


def _columns(old: Sequence[Column], new: Sequence[Column]) -> Iterator[str]:
    types = {column.name: column.type for column in new}
    for column in old:
        if column.name not in types:
            yield f"column {column.name} is gone"
        elif types[column.name] != column.type:
            yield f"column {column.name} is {types[column.name]}, it was {column.type}"


def _roles(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for role in old:
        if role not in new:
            yield f"{role} may no longer use it"


def _returned(rpc: Rpc) -> str:
    return rpc.result.removeprefix("SETOF ")
