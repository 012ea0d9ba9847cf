"""Removing a cluster: what dotbase made, and nothing else."""

from __future__ import annotations

import re
import shutil

from dotbase.cluster import placement, server, state
from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError

OURS = re.compile(
    r"data|postgresql|cluster\.json|master\.key|server\.log(\.1)?|(dotbase|local)\.conf|\.s\.PGSQL\.\d+(\.lock)?|\..+\.new"
)


def destroy(layout: Layout) -> bool:
    """Stop the server and remove the cluster with all its databases; whether there was one."""
    if not layout.directory.exists():
        return False
    with state.lock(layout):
        found = state.read(layout)
        foreign = sorted(path.name for path in layout.directory.iterdir() if not OURS.fullmatch(path.name))
        if found is None or foreign or layout.directory.is_symlink():
            what = f"{layout.directory / foreign[0]}" if foreign else f"{layout.directory}"
            raise DotbaseError(f"dotbase did not make {what} and does not remove it", "move it away by hand")
        server.stop_locked(layout)
        state.write(layout, found.port, ready=False)
        placement.remove(layout)
        if layout.programs.exists():
            shutil.rmtree(layout.programs)
        for path in layout.directory.iterdir():
            if path != layout.state_file:
                path.unlink()
        layout.state_file.unlink()
        layout.directory.rmdir()
        return True
