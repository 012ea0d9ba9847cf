"""The whole matrix in one go: every caller, every object."""

from __future__ import annotations

from collections.abc import Iterator

from tests.access.routines import calls, try_routines, try_schema, try_sequence
from tests.access.tables import try_table
from tests.access.world import CELLS, STATEMENTS, Finding, World
from tests.harness.figures import distinct, figures


def whole_matrix(world: World, *, schemas_open: bool) -> list[Finding]:
    """Every cell of every caller that is not as declared. Cells are not counted: other tests have done so.

    Where schemas stand open for the test's sake, their own cells are left out.
    """
    counted, cells = figures[STATEMENTS], set(distinct.get(CELLS, ()))
    try:
        return list(_findings(world, schemas_open))
    finally:
        figures[STATEMENTS] = counted
        distinct[CELLS] = cells


def _findings(world: World, schemas_open: bool) -> Iterator[Finding]:
    names = [thing.title for thing in world.of_kind("schema")]
    how = calls(world.db, names)
    for session in world.sessions.values():
        for thing in world.of_kind("table", "view"):
            yield from try_table(world, session, thing, each_row=False)
        yield from try_routines(world, session, world.of_kind("rpc", "function"), how)
        for thing in world.of_kind("sequence"):
            yield from try_sequence(world, session, thing)
        for thing in world.of_kind("schema") if not schemas_open else ():
            yield from try_schema(world, session, thing)
