"""The manifest: which file of supabase/migrations was rendered from which steps, by key and hash."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dotbase.errors import DotbaseError

NAME = "dotbase.json"
MIGRATIONS = "migrations"
ABOUT = "Written by dotbase render --target supabase: what is in which migration. Commit it with them."
MARKER = "-- Written by dotbase render --target supabase"
FILE = re.compile(r"(\d+)_.*\.sql")
RESTORE = "bring it back as it was committed; a change is made in the templates and rendered into a new file"


@dataclass(frozen=True)
class Migration:
    """One file: its hash, the steps that it brings to these texts, the steps that it takes away."""

    file: str
    sha256: str
    steps: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Manifest:
    """All files, oldest first, and the clock that they were rendered for."""

    clock: str = "real"
    migrations: tuple[Migration, ...] = ()

    @property
    def state(self) -> dict[str, str]:
        """Every step that the files together bring, with the hash of its text."""
        state: dict[str, str] = {}
        for migration in self.migrations:
            for key in migration.removed:
                state.pop(key, None)
            state |= migration.steps
        return state


@dataclass(frozen=True)
class Folder:
    """Where the migrations are, and their manifest beside them."""

    migrations: Path

    @classmethod
    def at(cls, out: Path) -> Folder:
        """`out` holds supabase/, or is its folder of migrations itself."""
        return cls(out if out.name == MIGRATIONS else out / "supabase" / MIGRATIONS)

    @property
    def manifest(self) -> Path:
        """Not among the migrations, where Supabase's program would remark on it each time."""
        return self.migrations.parent / NAME

    def read(self) -> Manifest:
        """The manifest; refuses files that are not as it says."""
        manifest = self._read()
        known = {migration.file for migration in manifest.migrations}
        for migration in manifest.migrations:
            path = self.migrations / migration.file
            if not path.is_file():
                raise DotbaseError("the file is gone, which was rendered before", RESTORE, str(path))
            if sha256(path.read_bytes()) != migration.sha256:
                raise DotbaseError("the file was edited after it was rendered", RESTORE, str(path))
        for path in sorted(self.migrations.glob("*.sql")):
            if path.name not in known and MARKER in path.read_text(encoding="utf-8", errors="replace"):
                raise DotbaseError(
                    f"the file was rendered, but {self.manifest} does not know it",
                    f"bring {NAME} back as it was committed with it, or delete the file and render again",
                    str(path),
                )
        return manifest

    def _read(self) -> Manifest:
        if not self.manifest.exists():
            return Manifest()
        try:
            found: dict[str, Any] = json.loads(self.manifest.read_text(encoding="utf-8"))
            migrations = tuple(Migration(**migration) for migration in found["migrations"])
            return Manifest(str(found["clock"]), migrations)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DotbaseError(
                f"the manifest cannot be read ({error})",
                "bring it back as it was committed; after a merge, take one side's files and render again",
                str(self.manifest),
            ) from None

    def versions(self) -> list[int]:
        """The versions of all migrations here, also of those that others wrote."""
        found = (FILE.fullmatch(path.name) for path in self.migrations.glob("*.sql"))
        return [int(match[1]) for match in found if match]

    def add(self, manifest: Manifest, files: dict[str, str]) -> None:
        """Write new files and then the manifest; a file that exists is never written."""
        try:
            self.migrations.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                with (self.migrations / name).open("x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
            text = json.dumps({"about": ABOUT, **asdict(manifest)}, indent=2, ensure_ascii=False) + "\n"
            new = self.manifest.with_suffix(".new")
            new.write_text(text, encoding="utf-8")
            new.replace(self.manifest)
        except OSError as error:
            raise DotbaseError(
                f"{self.migrations} cannot be written ({error})", "name another folder"
            ) from None


def sha256(content: bytes) -> str:
    """As hexadecimal text."""
    return hashlib.sha256(content).hexdigest()
