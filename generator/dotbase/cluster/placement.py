"""Where the data of a new cluster lie: in its directory, or in memory, where a reboot removes them."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError

WANTED = "DOTBASE_IN_MEMORY"
MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes; containers often have 64 MB


def make(layout: Layout) -> None:
    """Lead to a folder in memory where that is wanted and there is room; else initdb makes the folder."""
    if os.environ.get(WANTED) != "1" or not _has_room():
        return
    place = _place(layout)
    try:
        place.mkdir(mode=0o700)
    except FileExistsError:
        # Of a checkout that was removed without its clusters; a stranger's folder is not to be trusted.
        if place.lstat().st_uid != layout.account.uid:
            raise DotbaseError(
                f"{place} is in the way: dotbase did not make it", f"move it away, or unset {WANTED}"
            ) from None
        shutil.rmtree(place)
        place.mkdir(mode=0o700)
    if layout.account.switch:
        os.chown(place, layout.account.uid, layout.account.gid)
    layout.data.symlink_to(place)


def lost(layout: Layout) -> bool:
    """Whether the data lay in memory and are gone."""
    return layout.data.is_symlink() and not layout.data.exists()


def remove(layout: Layout) -> None:
    """Remove the data, wherever they lie."""
    if not layout.data.is_symlink():
        if layout.data.exists():
            shutil.rmtree(layout.data)
        return
    if layout.data.readlink() == _place(layout) and layout.data.exists():
        shutil.rmtree(_place(layout))
    layout.data.unlink()


def _place(layout: Layout) -> Path:
    """A name of this cluster's own, the same at each making."""
    return MEMORY / f"dotbase-{hashlib.sha256(os.fsencode(layout.directory)).hexdigest()[:16]}"


def _has_room() -> bool:
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    free = os.statvfs(MEMORY)
    return free.f_bavail * free.f_frsize >= ROOM
