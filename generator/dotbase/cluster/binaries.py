"""PostgreSQL's programs: Debian's, or those of a folder that DOTBASE_POSTGRES names; and what is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dotbase.cluster.account import Account
from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError

ROOT = Path("/usr/lib/postgresql")
OLDEST = 15
PRELOADED = ("pg_cron", "pg_stat_statements", "plpgsql_check")
PACKAGES = "postgresql-15 postgresql-15-cron postgresql-15-plpgsql-check"
REMEDY = f"install what is missing with `apt-get install --no-install-recommends {PACKAGES}`"
FOLDER = "DOTBASE_POSTGRES"


@dataclass(frozen=True)
class Binaries:
    """One major version of the server: a folder with bin, lib and share."""

    major: int
    folder: Path

    def program(self, name: str) -> Path:
        """The path of initdb, pg_ctl, postgres."""
        return self.folder / "bin" / name

    def missing(self) -> list[str]:
        """The libraries that a cluster would preload and this version does not have."""
        places = (self.folder / "lib", self.folder / "lib" / "postgresql")
        return [name for name in PRELOADED if not any((place / f"{name}.so").exists() for place in places)]

    def preloaded(self) -> list[str]:
        """The libraries that a cluster of this version preloads."""
        return [name for name in PRELOADED if name not in self.missing()]


def installed() -> list[Binaries]:
    """All of Debian's versions that have a server, oldest first."""
    found = []
    for postgres in ROOT.glob("*/bin/postgres"):
        version = postgres.parent.parent.name
        if version.isdigit():
            found.append(Binaries(int(version), postgres.parent.parent))
    return sorted(found, key=lambda binaries: binaries.major)


def named() -> Binaries | None:
    """The server that DOTBASE_POSTGRES names for new clusters; it may lack pg_cron and plpgsql_check."""
    folder = os.environ.get(FOLDER)
    return _in_folder(Path(folder).absolute()) if folder else None


def for_new_cluster() -> Binaries:
    """What is named, else the oldest supported version with all libraries: what most servers have."""
    if given := named():
        return given
    usable = [binaries for binaries in installed() if binaries.major >= OLDEST]
    for binaries in usable:
        if not binaries.missing():
            return binaries
    if usable:
        names = " and ".join(usable[0].missing())
        raise DotbaseError(f"PostgreSQL {usable[0].major} is installed without {names}", REMEDY)
    raise DotbaseError(f"PostgreSQL {OLDEST} or newer is not installed", REMEDY)


def keep(binaries: Binaries, layout: Layout) -> Binaries:
    """Copy a server of one's own into the cluster: its folder may move, or be closed to the OS user."""
    if binaries.folder.parent == ROOT:
        return binaries
    shutil.rmtree(layout.programs, ignore_errors=True)
    for part in ("bin", "lib", "share"):
        shutil.copytree(binaries.folder / part, layout.programs / part, symlinks=True)
    _give(layout.programs, layout.account)
    return Binaries(binaries.major, layout.programs)


def of_cluster(layout: Layout) -> Binaries:
    """The version that made the cluster's data."""
    data = layout.data
    try:
        major = int((data / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise DotbaseError(
            f"{data} is damaged: its PG_VERSION cannot be read",
            "restore it, or give the cluster up with `dotbase db destroy`",
        ) from error
    if layout.programs.exists():
        return Binaries(major, layout.programs)
    for binaries in installed():
        if binaries.major == major:
            if missing := binaries.missing():
                raise DotbaseError(f"PostgreSQL {major} is installed without {' and '.join(missing)}", REMEDY)
            return binaries
    raise DotbaseError(
        f"the cluster was made by PostgreSQL {major}, which is not installed",
        f"install postgresql-{major}, or give the cluster up with `dotbase db destroy`",
    )


def _in_folder(folder: Path) -> Binaries:
    remedy = f"let {FOLDER} name a folder with a server's bin, lib and share, or unset it"
    try:
        said = subprocess.run(
            [folder / "bin" / "postgres", "--version"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise DotbaseError(f"{folder} has no PostgreSQL server ({error.strerror})", remedy) from None
    version = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if version is None:
        reason = said.stderr.strip().splitlines()[-1:] or ["it does not say its version"]
        raise DotbaseError(f"the PostgreSQL server in {folder} cannot be run: {reason[0]}", remedy)
    if int(version[1]) < OLDEST:
        raise DotbaseError(f"{folder} has PostgreSQL {version[1]}, and dotbase needs {OLDEST}", remedy)
    return Binaries(int(version[1]), folder)


def _give(folder: Path, account: Account) -> None:
    if account.switch:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
