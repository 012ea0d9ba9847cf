"""What every command is told by the global options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GlobalOptions:
    """Global options of the command line.

    project:      folder that holds apps.yaml, or None to look for it upwards.
    database_url: libpq URL of a server of the user's, or None for the local cluster.
    cluster:      name of this checkout's local cluster.
    """

    project: Path | None
    database_url: str | None
    cluster: str
