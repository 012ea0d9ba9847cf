"""Writes that a line allows: they reach the rows of the line, all of them, and no other row.

The superuser acts as the caller here, so that it can look before all is undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from dotbase.access.matrix import Cell
from dotbase.access.objects import AccessObject
from tests.access.callers import Caller, Refusal
from tests.access.live_matrix import Finding, LiveMatrix, count_cells, row_condition

# Where a row is stored: another place after every write.
PLACE = "(tableoid::oid || ' ' || ctid)"
MADE = """
select attgenerated <> '' or attidentity = 'a'
from pg_attribute
where attrelid = %s::regclass and attname = %s
"""


def allowed_writes(
    live: LiveMatrix, caller: Caller, thing: AccessObject, cells: Sequence[Cell]
) -> Iterator[Finding]:
    """Each allowed insert, update and delete of one caller on one table."""
    writes = _Writes(live, caller, thing)
    for cell in cells:
        if cell.command == "update":
            yield from writes.update(cell)
        elif cell.command == "delete":
            yield from writes.delete(cell)
    inserts = [cell for cell in cells if cell.command == "insert"]
    if inserts:
        yield from writes.insert(inserts)


class _Writes:
    def __init__(self, live: LiveMatrix, caller: Caller, thing: AccessObject) -> None:
        self._live = live
        self._superuser = live.superuser
        self._caller = caller
        self._thing = thing

    def update(self, cell: Cell) -> Iterator[Finding]:
        """Every row of the line is written, to the value that one of them has, and no other row."""
        with self._superuser.transaction(force_rollback=True):
            mine, others = self._split(row_condition(self._caller, cell))
            before = self._places()
            value = self._literal(mine, str(cell.column))
            refusal = self._try(f'update {self._thing.title} set "{cell.column}" = {value}')
            touched = before - self._places()
            count_cells(self._caller, [cell], 1)
            if refusal is not None:
                yield self._finding(cell, "own row", f"refused, though a line allows it: {refusal}")
            elif touched != mine:
                yield self._finding(
                    cell, "own and others' rows", f"wrote {len(touched)} rows instead of {len(mine)}"
                )
            elif cell.column == "user_id" and others:
                gift = f"update {self._thing.title} set user_id = '{self._caller.other_id}'"
                refusal = self._try(gift)
                if refusal is None or not refusal.by_a_policy:
                    yield self._finding(cell, "own row", f"could be given away: {refusal}")

    def delete(self, cell: Cell) -> Iterator[Finding]:
        """Every row of the line goes, and no other."""
        with self._superuser.transaction(force_rollback=True):
            mine, _ = self._split(row_condition(self._caller, cell))
            before = self._places()
            refusal = self._try(f"delete from {self._thing.title}")
            gone = before - self._places()
            count_cells(self._caller, [cell], 1)
            if refusal is not None or gone != mine:
                yield self._finding(
                    cell,
                    "own and others' rows",
                    f"deleted {len(gone)} rows instead of {len(mine)}: {refusal}",
                )

    def insert(self, cells: Sequence[Cell]) -> Iterator[Finding]:
        """A row of the line that the superuser took out is put back; a row of somebody else is refused."""
        columns = [str(cell.column) for cell in cells]
        mine, others = self._split(row_condition(self._caller, cells[0]))
        for whose, places in (("own row", mine), ("another's row", others)):
            if not places:
                continue
            with self._superuser.transaction(force_rollback=True):
                place = min(places)
                names = ", ".join(f'"{column}"' for column in columns)
                values = ", ".join(self._literal({place}, column) for column in columns)
                self._superuser.execute("set local session_replication_role = replica")
                self._superuser.execute(
                    f"delete from {self._thing.title} where {PLACE} = %s".encode(), [place]
                )
                self._superuser.execute("set local session_replication_role = origin")
                refusal = self._try(f"insert into {self._thing.title} ({names}) values ({values})")
            count_cells(self._caller, cells, 1)
            if whose == "own row" and refusal is not None:
                yield self._finding(cells[0], whose, f"refused, though a line allows it: {refusal}")
            if whose == "another's row" and (refusal is None or not refusal.by_a_policy):
                yield self._finding(cells[0], whose, f"not refused by a policy: {refusal}")

    def _split(self, condition: str) -> tuple[set[str], set[str]]:
        """Where the rows are that the condition gives to the caller, and the other ones."""
        mine = set(
            self._live.visible(f"select {PLACE} from {self._thing.title} where {condition}", self._caller)
        )
        places = {place for (place,) in mine}
        return places, self._places() - places

    def _places(self) -> set[str]:
        rows = self._superuser.execute(f"select {PLACE} as place from {self._thing.title}".encode())
        return {row["place"] for row in rows}

    def _literal(self, places: set[str], column: str) -> str:
        """A value of that column as these rows have it; what Postgres makes itself stays its own."""
        if self._live.value(MADE, self._thing.title, column):
            return "default"
        row = self._superuser.execute(
            f"""select format('%%L::%%s', "{column}", pg_typeof("{column}")) as literal """
            f"from {self._thing.title} where {PLACE} = any (%s) order by {PLACE}".encode(),
            [sorted(places)],
        ).fetchone()
        return "default" if row is None else str(row["literal"])

    def _try(self, statement: str) -> Refusal | None:
        try:
            with self._superuser.transaction(), self._live.acting(self._caller):
                self._superuser.execute(statement.encode())
        except psycopg.Error as error:
            return Refusal(error.sqlstate or "", error.diag.message_primary or "")
        return None

    def _finding(self, cell: Cell, whose: str, what: str) -> Finding:
        return Finding(self._caller.name, cell.command, cell.object, cell.column, whose, what)
