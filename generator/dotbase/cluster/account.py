"""The OS user that runs a cluster's server: the caller, or `postgres` when the caller is root."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dotbase.errors import DotbaseError

SERVER_USER_OF_ROOT = "postgres"


@dataclass(frozen=True)
class Account:
    """An OS user; `switch` says that the caller is root and becomes it to run the server's programs."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(self, *args: str | Path, text_in: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program as this user, without the caller's environment and open files."""
        command = [str(arg) for arg in args]
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/", "PGTZ": "UTC"}
        with tempfile.TemporaryFile("w+") as output:
            # A file, not a pipe: a server started here would hold a pipe open for ever.
            try:
                done = subprocess.run(
                    command,
                    input=text_in,
                    stdin=None if text_in is not None else subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                    cwd="/",
                    env=environment,
                    umask=0o077,
                    user=self.uid if self.switch else None,
                    group=self.gid if self.switch else None,
                    extra_groups=[] if self.switch else None,
                    check=False,
                )
            except PermissionError as error:
                raise DotbaseError(
                    f"{command[0]} cannot be run as the OS user {self.name} ({error.strerror})",
                    "run dotbase as an ordinary user instead of root",
                ) from error
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, output.read())

    def can_enter(self, directory: Path) -> bool:
        """Whether this user can reach what lies in the directory."""
        if self.switch:
            return self.run("/usr/bin/test", "-x", directory).returncode == 0
        return os.access(directory, os.X_OK)

    def write(self, path: Path, text: str) -> None:
        """Write a file of mode 0600 that belongs to this user, whole or not at all."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if self.switch:
                os.fchown(descriptor, self.uid, self.gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        temporary.rename(path)


def caller() -> str:
    """The name of the OS user that calls, as the server's peer authentication sees it."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise DotbaseError(
            f"the OS user {uid} has no name, and the server knows its callers by name",
            "add the user to /etc/passwd",
        ) from None


def for_new_cluster() -> Account:
    """Who runs a cluster that this caller makes."""
    if os.geteuid() != 0:
        return Account(caller(), os.geteuid(), os.getegid(), switch=False)
    try:
        entry = pwd.getpwnam(SERVER_USER_OF_ROOT)
    except KeyError:
        raise DotbaseError(
            "the OS user `postgres` does not exist, and root may not run a server",
            "install it with `apt-get install postgresql-15`, or run dotbase as an ordinary user",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def of_directory(directory: Path) -> Account:
    """Who runs the cluster in this directory: its owner."""
    found = directory.stat()
    try:
        name = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        name = str(found.st_uid)
    if os.geteuid() not in (0, found.st_uid):
        raise DotbaseError(
            f"the cluster in {directory} belongs to the OS user {name}",
            f"run dotbase as root or as {name}, or choose another cluster with --cluster",
        )
    return Account(name, found.st_uid, found.st_gid, switch=os.geteuid() == 0)
