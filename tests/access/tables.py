"""Tables and views: every command, on every column, on one's own row and on another's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dotbase.access.matrix import Cell
from dotbase.access.objects import AccessObject
from tests.access.callers import Caller, Refusal, Session
from tests.access.live_matrix import STATEMENTS, Finding, LiveMatrix, count_cells, row_condition
from tests.access.writes import allowed_writes
from tests.harness.figures import count

# Nobody but the owner may do these to any table, and no line can allow it.
NEVER = {
    "truncate": "truncate {name} cascade",
    "trigger": "create trigger intruder after insert on {name} for each row "
    "execute function pg_catalog.suppress_redundant_updates_trigger()",
    "policy": "create policy intruder on {name} using (true)",
    "disable row-level security": "alter table {name} disable row level security",
}
# A view's column that is no column of its table, or a view that is no plain view: nobody can write it.
UNWRITABLE = ("0A000", "55000", "42809")


def try_table(
    live: LiveMatrix, session: Session, thing: AccessObject, *, each_row: bool = True
) -> list[Finding]:
    """Every cell of one caller and one table or view; what is not as declared.

    Without `each_row` a command that no line allows is tried by itself alone.
    """
    findings = list(_try(live, session, thing, each_row))
    if thing.title in live.stored and live.stored[thing.title] != live.content(thing.title):
        live.keep([thing.title])
        what = "what is stored has changed"
        findings.append(Finding(session.caller.name, "any", thing.title, None, "all rows", what))
    return findings


def _try(live: LiveMatrix, session: Session, thing: AccessObject, each_row: bool) -> Iterator[Finding]:
    cells = live.cells(thing, session.caller)
    yield from _denied(session, thing, [cell for cell in cells if not cell.allowed], each_row)
    allowed = [cell for cell in cells if cell.allowed]
    reads = [cell for cell in allowed if cell.command == "select"]
    for rows in {cell.rows: None for cell in reads}:
        yield from _select(live, session, thing, [cell for cell in reads if cell.rows == rows])
    if thing.kind == "table":
        yield from allowed_writes(live, session.caller, thing, allowed)
        yield from _never(session, thing)


def _denied(
    session: Session, thing: AccessObject, cells: Sequence[Cell], each_row: bool
) -> Iterator[Finding]:
    tried = [(cell, *how) for cell in cells for how in statements(session.caller, thing, cell, each_row)]
    refusals = session.attempts([statement for _, _, statement in tried])
    count_cells(session.caller, cells, len(tried))
    for (cell, whose, _), refusal in zip(tried, refusals, strict=True):
        unwritable = UNWRITABLE if thing.kind == "view" and cell.command != "select" else ()
        if refusal is None:
            yield _finding(session, cell, whose, "went through, though no line allows it")
        elif not (_is_missing(refusal, thing) or refusal.sqlstate in unwritable):
            what = f"stopped for another reason than a missing right: {refusal}"
            yield _finding(session, cell, whose, what)


def statements(caller: Caller, thing: AccessObject, cell: Cell, each_row: bool) -> Iterator[tuple[str, str]]:
    """The command by itself, which needs no other right, then on one's own row and on another's."""
    name, column = thing.title, _quoted(cell.column)
    bare = {
        "select": f"select {column} from {name}",
        "insert": f"insert into {name} ({column}) values (default)",
        "update": f"update {name} set {column} = default",
        "delete": f"delete from {name}",
    }[cell.command]
    yield "any row", bare
    if "user_id" not in thing.columns or not each_row:
        return
    for whose, user_id in (("own row", caller.user_id), ("another's row", caller.other_id)):
        if user_id is None:
            continue
        if cell.command != "insert":
            yield whose, f"{bare} where user_id = '{user_id}'"
        elif cell.column == "user_id":
            yield whose, f"insert into {name} (user_id) values ('{user_id}')"
        else:
            yield whose, f"insert into {name} (user_id, {column}) values ('{user_id}', default)"


def _select(
    live: LiveMatrix, session: Session, thing: AccessObject, cells: Sequence[Cell]
) -> Iterator[Finding]:
    """Each column can be read by itself, and all of them show the rows of their line, no more and no less."""
    refusals = session.attempts([f"select {_quoted(cell.column)} from {thing.title}" for cell in cells])
    count_cells(session.caller, cells, len(cells) + (not any(refusals)))
    for cell, refusal in zip(cells, refusals, strict=True):
        if refusal:
            yield _finding(session, cell, "own row", f"refused, though a line allows it: {refusal}")
    if any(refusals):
        return
    columns = ", ".join(f"{_quoted(cell.column)}::text" for cell in cells)
    seen = sorted(session.rows(f"select {columns} from {thing.title}"), key=str)
    if thing.kind == "view":
        # What its reader may read of the tables himself.
        definition = live.value("select pg_get_viewdef(%s::regclass)", thing.title)
        should = sorted(session.rows(f"select {columns} from ({definition.rstrip(';')}) as v"), key=str)
    else:
        condition = row_condition(session.caller, cells[0])
        should = live.visible(f"select {columns} from {thing.title} where {condition}", session.caller)
    if seen != should:
        what = f"sees {len(seen)} rows, should see {len(should)}"
        for cell in cells:
            yield _finding(session, cell, "own and others' rows", what)


def _never(session: Session, thing: AccessObject) -> Iterator[Finding]:
    refusals = session.attempts([statement.format(name=thing.title) for statement in NEVER.values()])
    count(STATEMENTS, len(NEVER))
    for command, refusal in zip(NEVER, refusals, strict=True):
        if refusal is None or not _is_missing(refusal, thing):
            said = str(refusal or "went through")
            yield Finding(session.caller.name, command, thing.title, None, "the table", said)


def _is_missing(refusal: Refusal, thing: AccessObject) -> bool:
    return refusal.names(thing.schema, thing.name, thing.kind)


def _finding(session: Session, cell: Cell, whose: str, what: str) -> Finding:
    return Finding(session.caller.name, cell.command, cell.object, cell.column, whose, what)


def _quoted(column: str | None) -> str:
    return '"{}"'.format((column or "").replace('"', '""'))
