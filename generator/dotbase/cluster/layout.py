"""Where a cluster lives: in its checkout, or elsewhere when the server cannot live there."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from dotbase.cluster import account as accounts
from dotbase.cluster.account import Account
from dotbase.errors import DotbaseError

SYSTEM_BASE = Path("/var/lib/dotbase")
STATE_FILE = "cluster.json"
LONGEST_SOCKET_PATH = 107  # bytes: sockaddr_un has 108 with the closing zero
LONGEST_SOCKET_NAME = "/.s.PGSQL.65535"
# libpq splits hosts at commas, pg_ctl passes paths through a shell, settings have quotes
UNFIT = re.compile(r"[,'\"\\$`!\x00-\x1f\x7f]")
LONGEST_NAME = 31
NAME = re.compile(rf"[a-z][a-z0-9_-]{{0,{LONGEST_NAME - 1}}}")


@dataclass(frozen=True)
class Layout:
    """The places of one cluster. Its directory holds the socket, too."""

    name: str
    checkout: Path
    directory: Path
    account: Account

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.directory / "data"

    @property
    def programs(self) -> Path:
        """A server of one's own (DOTBASE_POSTGRES): bin, lib and share. Debian's is used where it is."""
        return self.directory / "postgresql"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.directory / "server.log"

    @property
    def state_file(self) -> Path:
        """Port and state; that it exists says that dotbase made the directory."""
        return self.directory / STATE_FILE

    @property
    def master_key(self) -> Path:
        """The key of `core.secret`, outside of the data directory and its dumps."""
        return self.directory / "master.key"

    @property
    def command(self) -> str:
        """How a person calls `dotbase db` for this cluster."""
        return "dotbase db" if self.name == "dev" else f"dotbase --cluster {self.name} db"


def find_checkout(start: Path | None = None) -> Path:
    """The nearest folder from here upwards that holds apps.yaml."""
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / "apps.yaml").is_file():
            return folder.resolve()
    raise DotbaseError(
        f"no apps.yaml in {here} or above it", "run dotbase inside of a checkout, or name it with --project"
    )


def locate(name: str, root: Path | None = None) -> Layout:
    """Where this cluster is, or would be made."""
    if not NAME.fullmatch(name):
        raise DotbaseError(
            f"`{name}` cannot name a cluster",
            f"use up to {LONGEST_NAME} of a-z, 0-9, - and _, starting with a letter",
        )
    checkout = find_checkout(root)
    inside = checkout / ".dotbase" / name
    outside = _base_outside() / hashlib.sha256(f"{checkout}\0{name}".encode()).hexdigest()[:16]
    for directory in (inside, outside):
        if _holds_a_cluster(directory):
            return Layout(name, checkout, directory, accounts.of_directory(directory))
    account = accounts.for_new_cluster()
    for directory in (inside, outside):
        if fits(directory) and (directory == outside or _can_live_in(checkout, account)):
            return Layout(name, checkout, directory, account)
    raise DotbaseError(
        f"neither {inside} nor {outside} can hold a cluster: a socket's path ends at 107 bytes "
        "and has no quotes, commas or dollar signs",
        "move the checkout to a shorter path",
    )


def fits(directory: Path) -> bool:
    """Whether a server can put its socket into this directory."""
    longest = os.fsencode(f"{directory}{LONGEST_SOCKET_NAME}")
    return len(longest) <= LONGEST_SOCKET_PATH and not UNFIT.search(str(directory))


def _base_outside() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_BASE
    state_home = os.environ.get("XDG_STATE_HOME")
    return (Path(state_home) if state_home else Path.home() / ".local" / "state") / "dotbase"


def _holds_a_cluster(directory: Path) -> bool:
    if not directory.is_dir():
        return False
    accounts.of_directory(directory)  # refuses a stranger's
    return (directory / STATE_FILE).exists()


def _can_live_in(checkout: Path, account: Account) -> bool:
    base = checkout / ".dotbase"
    if base.is_dir():
        return account.can_enter(base) and os.access(base, os.W_OK)
    return account.can_enter(checkout) and os.access(checkout, os.W_OK)
