"""RPCs, functions, sequences and schemas: called, used, and built in, by everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dotbase.access.matrix import Cell
from dotbase.access.objects import AccessObject
from tests.access.callers import Refusal, Session
from tests.access.live_matrix import Finding, LiveMatrix, count_cells
from tests.harness.databases import Database

ROUTINES = """
select
    format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as title,
    format('%%I.%%I', n.nspname, p.proname) as name,
    p.prokind as kind,
    p.provariadic <> 0 as variadic,
    array(
        select case
            when t.typname in ('anyelement', 'anynonarray', 'anycompatible') then 'integer'
            when t.typname in ('anyarray', 'anycompatiblearray') then 'integer[]'
            else format_type(t.oid, null)
        end
        from unnest(p.proargtypes) with ordinality as a (oid, place)
        inner join pg_type as t on t.oid = a.oid
        order by a.place
    ) as types
from pg_proc as p
inner join pg_namespace as n on n.oid = p.pronamespace
where n.nspname = any (%s)
order by 1
"""

# The claim is asked for where the right cannot be: by the function itself.
NOT_ADMINISTRATOR = "ZC002"
# An RPC that answers this to somebody whom a line lets in does not work for him.
SHUT = ("forbidden", "internal_error", "not_administrator", "not_signed_in")

SEQUENCE = {
    "select": ("select last_value from {name}", "select currval('{name}')"),
    "usage": ("select nextval('{name}')",),
    "update": ("select setval('{name}', 1, false)",),
}

BUILDING = (
    "create table {name}.intruder ()",
    "create view {name}.intruder as select 1 as one",
    "create function {name}.intruder() returns integer language sql return 1",
    "drop schema {name} cascade",
)


def calls(db: Database, schemas: list[str]) -> dict[str, str]:
    """How every routine of these schemas is called, by the name that is printed."""
    return {row["title"]: _call(row) for row in db.rows(ROUTINES, schemas)}


def _call(row: dict[str, Any]) -> str:
    # Behind `offset 0` the planner sees no constant: a strict function is not spared its call.
    arguments = [f"(select null::{type_} offset 0)" for type_ in row["types"]]
    if row["variadic"]:
        arguments[-1] = f"variadic {arguments[-1]}"
    if row["kind"] == "p":
        return f"call {row['name']}({', '.join('null' for _ in arguments)})"
    over = " over ()" if row["kind"] == "w" else ""
    return f"select {row['name']}({', '.join(arguments)}){over}"


def try_routines(
    live: LiveMatrix, session: Session, things: Sequence[AccessObject], calls: Mapping[str, str]
) -> Iterator[Finding]:
    """One caller calls these RPCs or functions, each with nulls."""
    cells = [cell for thing in things for cell in live.cells(thing, session.caller)]
    refusals = session.attempts([calls[cell.object] for cell in cells])
    count_cells(session.caller, cells, len(cells))
    of_cells = [thing for thing in things for _ in live.cells(thing, session.caller)]
    for thing, cell, refusal in zip(of_cells, cells, refusals, strict=True):
        what = _wrong_call(thing, cell, refusal)
        if what:
            yield _finding(session, cell, what)


def _wrong_call(thing: AccessObject, cell: Cell, refusal: Refusal | None) -> str | None:
    if cell.refused == "right":
        if refusal is None:
            return "went through, though no line allows it"
        if not refusal.names(thing.schema, thing.name, thing.kind):
            return f"was called, though no line allows it: {refusal}"
    elif cell.refused == "claim":
        if refusal is None or (refusal.code, refusal.sqlstate) not in (
            ("not_administrator", "PGRST"),
            (None, NOT_ADMINISTRATOR),
        ):
            return f"did not ask for an administrator: {refusal or 'went through'}"
    elif refusal is not None and (
        refusal.sqlstate == "42501" or (cell.kind == "rpc" and refusal.code in SHUT)
    ):
        return f"refused, though a line allows it: {refusal}"
    return None


def try_sequence(live: LiveMatrix, session: Session, thing: AccessObject) -> Iterator[Finding]:
    """One caller reads, advances and sets one sequence."""
    tried = [
        (cell, statement.format(name=thing.title))
        for cell in live.cells(thing, session.caller)
        for statement in SEQUENCE[cell.command]
    ]
    count_cells(session.caller, live.cells(thing, session.caller), len(tried))
    refusals = session.attempts([statement for _, statement in tried])
    for (cell, _), refusal in zip(tried, refusals, strict=True):
        if refusal is None or not refusal.names(thing.schema, thing.name, thing.kind):
            yield _finding(session, cell, str(refusal or "went through"))


def try_schema(live: LiveMatrix, session: Session, thing: AccessObject) -> Iterator[Finding]:
    """One caller looks into one schema, and tries to make something in it."""
    for cell in live.cells(thing, session.caller):
        count_cells(session.caller, [cell], 1 if cell.command == "usage" else len(BUILDING))
        if cell.command == "usage":
            refusal = session.attempt(f"select from {thing.title}.nothing_of_this_name")
            open_ = refusal is not None and refusal.sqlstate == "42P01"
            if open_ != cell.allowed:
                yield _finding(session, cell, f"should be {'open' if cell.allowed else 'shut'}: {refusal}")
            continue
        for statement in (building.format(name=thing.title) for building in BUILDING):
            refusal = session.attempt(statement)
            if refusal is None or not refusal.for_want_of_a_right:
                yield _finding(session, cell, f"{statement}: {refusal or 'went through'}")


def _finding(session: Session, cell: Cell, what: str) -> Finding:
    return Finding(session.caller.name, cell.command, cell.object, None, "-", what)
