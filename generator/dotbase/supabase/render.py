"""`dotbase render --target supabase --out`: adds the migrations that bring what has changed since the last.

What they contain is not guessed: a scratch database is built from the files that are there, migrated to the
templates, and what the migration did is written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from dotbase.connection import pin
from dotbase.errors import DotbaseError
from dotbase.migrate.migration import migrate
from dotbase.migrate.run import Run
from dotbase.options import GlobalOptions
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from dotbase.scratch import empty_database
from dotbase.supabase import files, history
from dotbase.supabase.files import Piece
from dotbase.supabase.history import Reading
from dotbase.supabase.manifest import Folder, Manifest, Migration, sha256
from dotbase.supabase.recording import Recording
from dotbase.verify.declarations import verify


@dataclass(frozen=True)
class RenderOptions:
    """What is asked for: the folder, a name for the files, the moment of the first version."""

    out: Path
    name: str | None = None
    moment: datetime | None = None


@dataclass(frozen=True)
class Done:
    """What a migration of the scratch database did, in pieces, and the history after each transaction."""

    pieces: list[Piece]
    readings: dict[int, Reading]
    before: Reading


def variables_of(folder: Folder, clock: str | None) -> Variables:
    """The variables that the folder was rendered with, or a new one is."""
    return Variables(target="supabase", clock=clock or folder.read().clock)


def render(
    options: GlobalOptions,
    project: Project,
    variables: Variables,
    steps: Sequence[Step],
    choices: RenderOptions,
) -> list[Path]:
    """Add what is missing to the folder; the new files."""
    folder = Folder.at(choices.out)
    manifest = folder.read()
    state = {step.key: _sha(step) for step in steps if step.kind != "bootstrap"}
    if state == manifest.state:
        return []
    with (
        empty_database(options, steps, variables) as url,
        Recording.connect(url, autocommit=True, application_name="dotbase render") as connection,
    ):
        pin(connection)
        _replay(connection, folder, manifest)
        done = _migrate(connection, project, variables, steps)
        texts = _texts(connection, done)
    name = (
        files.slug(choices.name)
        if choices.name
        else files.name_of(done.pieces, manifest.state.keys() - state.keys())
    )
    moment = choices.moment or datetime.now(UTC)
    versions = files.versions(len(texts), folder.versions(), moment)
    names = [f"{version}_{_numbered(name, n, len(texts))}.sql" for n, version in enumerate(versions, start=1)]
    new = dict(zip(names, texts, strict=True))
    migrations = _migrations(new, done.pieces, manifest.state, state)
    folder.add(replace(manifest, clock=variables.clock, migrations=manifest.migrations + migrations), new)
    return [folder.migrations / name for name in names]


def _sha(step: Step) -> str:
    """What has to change before a step is rendered again: as `migrate` has it."""
    return step.source_sha if step.kind == "versioned" else step.sha


def _numbered(name: str, number: int, count: int) -> str:
    return name if count == 1 else f"{name}_{number}"


def _replay(connection: Recording, folder: Folder, manifest: Manifest) -> None:
    """The state that the folder gives."""
    for migration in manifest.migrations:
        path = folder.migrations / migration.file
        try:
            connection.execute(path.read_bytes())
        except psycopg.Error as error:
            said = (error.diag.message_primary or str(error)).splitlines()[0]
            raise DotbaseError(
                f"the local server refuses the file, which was rendered before: {said}",
                "render with a local server of the version that it was rendered with",
                str(path),
            ) from None
        connection.execute("reset all")


def _migrate(connection: Recording, project: Project, variables: Variables, steps: Sequence[Step]) -> Done:
    connection.statements.clear()
    before = history.read(connection)
    readings: dict[int, Reading] = {}

    def read(number: int) -> None:
        readings[number] = history.read(connection)

    connection.after_commit = read
    run = Run(
        connection,
        steps,
        variables.target,
        variables.clock,
        variables.owner,
        verify=lambda inside: verify(inside, project, variables),
    )
    migrate(run, confirmed=True)  # a scratch database's rows are nobody's
    return Done(files.cut(connection.statements, sorted(readings)), readings, before)


def _texts(connection: Recording, done: Done) -> list[str]:
    texts = []
    before = done.before
    for piece in done.pieces:
        if not piece.transactional:
            texts.append(files.text_outside(piece.statements[0]))
            continue
        after = done.readings[piece.last]
        texts.append(files.text_of(piece, history.expect(before), history.write(connection, before, after)))
        before = after
    return texts


def _migrations(
    new: dict[str, str], pieces: Sequence[Piece], before: dict[str, str], after: dict[str, str]
) -> tuple[Migration, ...]:
    """The manifest's entries; a step that was recorded under another name alone stands with the last file."""
    found = []
    left = {key: sha for key, sha in after.items() if before.get(key) != sha}
    for (file, text), piece in zip(new.items(), pieces, strict=True):
        sources = {statement.source for statement in piece.statements}
        last = piece is pieces[-1]
        steps = {key: sha for key, sha in left.items() if key in sources or last}
        removed = sorted(before.keys() - after.keys()) if last else []
        found.append(Migration(file, sha256(text.encode()), steps, removed))
        left = {key: sha for key, sha in left.items() if key not in steps}
    return tuple(found)
