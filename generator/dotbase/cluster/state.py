"""What is kept about a cluster between calls: a small JSON file and a lock."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError

LONGEST_WAIT = 180.0  # seconds for somebody else's start or stop


@dataclass(frozen=True)
class State:
    """`ready` is false while initdb has not finished and while the cluster is being removed."""

    made_by: str
    checkout: str
    name: str
    port: int
    ready: bool


def read(layout: Layout) -> State | None:
    """The state, or None when dotbase has made no cluster here."""
    try:
        text = layout.state_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        found = json.loads(text)
        state = State(**{field: found[field] for field in State.__dataclass_fields__})
    except (ValueError, KeyError, TypeError):
        state = None
    if state is None or state.made_by != "dotbase":
        raise DotbaseError(
            f"{layout.state_file} is not what dotbase wrote",
            "restore it, or remove the directory by hand when it holds nothing of value",
        )
    return state


def write(layout: Layout, port: int, *, ready: bool) -> None:
    """Record port and state, durably."""
    state = State("dotbase", str(layout.checkout), layout.name, port, ready)
    layout.account.write(layout.state_file, json.dumps(asdict(state), indent=2) + "\n")


def make_base(layout: Layout) -> Path:
    """The folder that clusters lie in, which the server's OS user must be able to pass."""
    base = layout.directory.parent
    try:
        if not base.is_dir():
            base.mkdir(parents=True)
            base.chmod(0o755)
    except OSError as error:
        raise DotbaseError(
            f"{base} cannot be made ({error.strerror})", "make it by hand, or make its parent writable"
        ) from error
    return base


@contextmanager
def lock(layout: Layout) -> Iterator[None]:
    """One start, stop or destroy at a time; a killed process loses the lock."""
    descriptor = os.open(make_base(layout), os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + LONGEST_WAIT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DotbaseError(
                        f"another `dotbase db` has been busy in {layout.directory.parent} for minutes",
                        "wait for it, or end it",
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
