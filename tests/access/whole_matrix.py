"""The whole matrix in one go: every caller, every object."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dotbase.access.objects import AccessObject
from tests.access.live_matrix import CELLS, STATEMENTS, Finding, LiveMatrix
from tests.access.routines import calls, try_routines, try_schema, try_sequence
from tests.access.tables import try_table
from tests.harness.figures import distinct, figures


def whole_matrix(
    live: LiveMatrix, *, schemas_open: bool, only: Collection[str] | None = None
) -> list[Finding]:
    """Every cell of every caller that is not as declared. Cells are not counted: other tests have done so.

    Where schemas stand open for the test's sake, their own cells are left out. `only`: of these objects.
    """
    counted, cells = figures[STATEMENTS], set(distinct.get(CELLS, ()))
    try:
        return list(_findings(live, schemas_open, only))
    finally:
        figures[STATEMENTS] = counted
        distinct[CELLS] = cells


def _findings(live: LiveMatrix, schemas_open: bool, only: Collection[str] | None) -> Iterator[Finding]:
    def of_kind(*kinds: str) -> list[AccessObject]:
        return [thing for thing in live.of_kind(*kinds) if only is None or thing.title in only]

    how = calls(live.db, [thing.title for thing in live.of_kind("schema")])
    for session in live.sessions.values():
        for thing in of_kind("table", "view"):
            yield from try_table(live, session, thing, each_row=False)
        yield from try_routines(live, session, of_kind("rpc", "function"), how)
        for thing in of_kind("sequence"):
            yield from try_sequence(live, session, thing)
        for thing in of_kind("schema") if not schemas_open else ():
            yield from try_schema(live, session, thing)
