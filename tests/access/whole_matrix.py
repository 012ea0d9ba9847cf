"""The whole matrix in one go: every caller, every object."""

from __future__ import annotations

from collections.abc import Iterator

from tests.access.live_matrix import CELLS, STATEMENTS, Finding, LiveMatrix
from tests.access.routines import calls, try_routines, try_schema, try_sequence
from tests.access.tables import try_table
from tests.harness.figures import distinct, figures


def whole_matrix(live: LiveMatrix, *, schemas_open: bool) -> list[Finding]:
    """Every cell of every caller that is not as declared. Cells are not counted: other tests have done so.

    Where schemas stand open for the test's sake, their own cells are left out.
    """
    counted, cells = figures[STATEMENTS], set(distinct.get(CELLS, ()))
    try:
        return list(_findings(live, schemas_open))
    finally:
        figures[STATEMENTS] = counted
        distinct[CELLS] = cells


def _findings(live: LiveMatrix, schemas_open: bool) -> Iterator[Finding]:
    names = [thing.title for thing in live.of_kind("schema")]
    how = calls(live.db, names)
    for session in live.sessions.values():
        for thing in live.of_kind("table", "view"):
            yield from try_table(live, session, thing, each_row=False)
        yield from try_routines(live, session, live.of_kind("rpc", "function"), how)
        for thing in live.of_kind("sequence"):
            yield from try_sequence(live, session, thing)
        for thing in live.of_kind("schema") if not schemas_open else ():
            yield from try_schema(live, session, thing)
