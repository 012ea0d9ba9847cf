"""A step: one piece of rendered SQL that is applied, recorded and compared as a whole."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dotbase.render import sources

Kind = Literal["bootstrap", "versioned", "repeatable"]


@dataclass(frozen=True)
class Step:
    """One rendered piece of the database.

    key:             unique and stable, e.g. `schema/luckywalk/0001_rounds.sql`, also of a template,
                     or `policies/luckywalk.yaml#rpcs`; a table's step ends in `#tables.<table>`.
    source, line:    the file and line the step comes from, for messages.
    rollback_source: the file of its rollback, of versioned steps only.
    source_sha:      SHA-256 of the source file's bytes; an applied versioned file is
                     refused when this has changed.
    version:         `<app>.NNNN_name`, of versioned steps only.
    transactional:   False for statements that cannot run in a transaction.
    boundary:        name of the commit point in front of this step, if it has one.
    always_with_app: re-applied whenever a routine file of its app was (grants and
                     RPCs are lost when a routine is dropped and made again).
    roles, extensions: what the bootstrap makes for this project alone, of apps.yaml.
    limits:          what the bootstrap sets for the roles of clients: role, setting, value.
    """

    key: str
    app: str
    kind: Kind
    source: Path
    line: int
    sql: str
    source_sha: str
    version: str | None = None
    rollback_sql: str | None = None
    rollback_source: Path | None = None
    transactional: bool = True
    boundary: str | None = None
    always_with_app: bool = False
    roles: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    limits: tuple[tuple[str, str, str], ...] = ()

    @property
    def sha(self) -> str:
        """SHA-256 of the rendered SQL: a repeatable is re-applied when it changes."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def file(self) -> str:
        """The file it comes from, as people find it in the project."""
        path = self.key.partition("#")[0]
        return f"{path}.j2" if self.source.name.endswith(f"{Path(path).name}.j2") else path

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    def place_of(self, position: int) -> str:
        """`file:line` of a character of the SQL; the rendered line is looked up in the template's text."""
        if "#" in self.key or not sources.is_sql(Path(self.file)):
            return self.place
        number = self.sql[:position].count("\n")
        with contextlib.suppress(OSError):
            rendered = self.sql.splitlines()
            template = self.source.read_text(encoding="utf-8").splitlines()
            text = rendered[number] if number < len(rendered) else ""
            same = [line for line, found in enumerate(template) if found == text]
            if same:
                return f"{self.file}:{min(same, key=lambda line: abs(line - number)) + 1}"
        return f"{self.file}:{number + 1}"
