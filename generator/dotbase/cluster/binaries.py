"""PostgreSQL's programs: where Debian puts them, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dotbase.errors import DotbaseError

ROOT = Path("/usr/lib/postgresql")
OLDEST = 15
PRELOADED = ("pg_cron", "pg_stat_statements", "plpgsql_check")
PACKAGES = "postgresql-15 postgresql-15-cron postgresql-15-plpgsql-check"
REMEDY = f"install what is missing with `apt-get install --no-install-recommends {PACKAGES}`"


@dataclass(frozen=True)
class Binaries:
    """One installed major version of the server."""

    major: int
    directory: Path

    def program(self, name: str) -> Path:
        """The path of initdb, pg_ctl, postgres, psql …"""
        return self.directory / name

    def missing(self) -> list[str]:
        """The libraries that a cluster preloads and this version does not have."""
        libraries = self.directory.parent / "lib"
        return [name for name in PRELOADED if not (libraries / f"{name}.so").exists()]


def installed() -> list[Binaries]:
    """All installed versions that have a server, oldest first."""
    found = []
    for postgres in ROOT.glob("*/bin/postgres"):
        version = postgres.parent.parent.name
        if version.isdigit():
            found.append(Binaries(int(version), postgres.parent))
    return sorted(found, key=lambda binaries: binaries.major)


def for_new_cluster() -> Binaries:
    """The oldest supported version with all libraries: what most servers have."""
    usable = [binaries for binaries in installed() if binaries.major >= OLDEST]
    for binaries in usable:
        if not binaries.missing():
            return binaries
    if usable:
        names = " and ".join(usable[0].missing())
        raise DotbaseError(f"PostgreSQL {usable[0].major} is installed without {names}", REMEDY)
    raise DotbaseError(f"PostgreSQL {OLDEST} or newer is not installed", REMEDY)


def for_data(data: Path) -> Binaries:
    """The version that made this data directory."""
    try:
        major = int((data / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise DotbaseError(
            f"{data} is damaged: its PG_VERSION cannot be read",
            "restore it, or give the cluster up with `dotbase db destroy`",
        ) from error
    for binaries in installed():
        if binaries.major == major:
            if missing := binaries.missing():
                raise DotbaseError(f"PostgreSQL {major} is installed without {' and '.join(missing)}", REMEDY)
            return binaries
    raise DotbaseError(
        f"the cluster was made by PostgreSQL {major}, which is not installed",
        f"install postgresql-{major}, or give the cluster up with `dotbase db destroy`",
    )
