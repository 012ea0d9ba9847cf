"""`dotbase rollback`: the newest versions undone, the repeatable texts before them put back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dotbase.errors import DotbaseError
from dotbase.migrate import books, lock, privileges, statements, versioned
from dotbase.migrate.books import BookedRepeatable, BookedVersion, Books
from dotbase.migrate.failures import NO_SUCH_OBJECT, StepError
from dotbase.migrate.repeatables import Repeatables, as_steps
from dotbase.migrate.session import Run
from dotbase.migrate.writer import Header, Writer
from dotbase.steps import Step


@dataclass
class Undone:
    """What a rollback did.

    left_out: repeatable steps that had no text before, and are gone until the next migrate.
    """

    versions: list[str] = field(default_factory=list)
    restored: int = 0
    left_out: list[str] = field(default_factory=list)


def rollback(run: Run, *, steps: int | None = None, to: str | None = None) -> Undone:
    """Undo the newest versions, so many or down to one that stays."""
    return _Rollback(run).run(steps, to)


def chosen(booked: Books, steps: int | None, to: str | None) -> list[BookedVersion]:
    """The versions to undo, newest first."""
    newest_first = booked.applied[::-1]
    if to is not None:
        names = [found.version for found in newest_first]
        if to not in names:
            raise DotbaseError(
                f"version {to} is not applied", "see `dotbase status` for the versions that are"
            )
        return newest_first[: names.index(to)]
    count = 1 if steps is None else steps
    if not newest_first:
        raise DotbaseError("no version is applied", "there is nothing to roll back")
    if not 1 <= count <= len(newest_first):
        raise DotbaseError(
            f"{count} versions cannot be rolled back, {len(newest_first)} are applied",
            f"give --steps a number from 1 to {len(newest_first)}",
        )
    return newest_first[:count]


class _Rollback:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._connection = run.connection
        self._writer: Writer | None = None
        self._release_id: int | None = None
        self._boundary: str | None = None
        self.undone = Undone()

    def run(self, steps: int | None, to: str | None) -> Undone:
        with lock.exclusive(self._connection, self._run.patience, self._run.report):
            with self._run.transaction():
                privileges.require(self._connection, self._run.target, self._run.owner)
                self._run.as_owner()
                before = books.read(self._connection)
                doomed = chosen(before, steps, to)
                if not doomed:
                    return self.undone
                wanted = self._texts(before, doomed)
            cut = versioned.segments([self._down(found) for found in doomed])
            keys = {found.key for found in wanted}
            self._run.report.expect(len(doomed) + sum(key not in keys for key in before.repeatables))
            for segment in cut:
                first, last = segment is cut[0], segment is cut[-1]
                if segment.boundary is not None:
                    self._boundary = segment.boundary
                    self._run.report.say(f"Boundary: {segment.boundary}; what came before is committed.")
                try:
                    lock.persistent(
                        self._connection,
                        partial(self._inside, segment, wanted, doomed if first else (), last)
                        if segment.transactional
                        else partial(self._outside, segment.steps[0]),
                        self._run.patience,
                        self._run.report,
                    )
                except DotbaseError as error:
                    if self._boundary is None:
                        raise
                    raise DotbaseError(
                        f"{error.what}; the rollback stands at boundary `{self._boundary}`",
                        f"{error.remedy}, or go forward again with `dotbase migrate`",
                        error.where,
                    ) from None
        return self.undone

    def _down(self, booked: BookedVersion) -> Step:
        """The rollback of a version as a step: the text in the file, or the booked one if that is gone."""
        current = next((step for step in self._run.steps if step.version == booked.version), None)
        text = current.rollback_sql if current is not None and current.rollback_sql else booked.down_sql
        name = booked.version.partition(".")[2]
        return Step(
            key=f"schema/{booked.app}/{name}.rollback.sql.j2",
            app=booked.app,
            kind="versioned",
            source=_beside(current, name),
            line=1,
            sql=text,
            source_sha="",
            version=booked.version,
            transactional=booked.transactional,
        )

    def _texts(self, before: Books, doomed: Sequence[BookedVersion]) -> list[BookedRepeatable]:
        """The repeatable texts that belong to the database after the rollback.

        An app goes back to what it had before the release of the oldest undone version. One that
        came with that release, and loses no version, keeps what it has. One without versions is gone.
        """
        release_id = min(found.release_id for found in doomed)
        earlier = books.texts_before(self._connection, release_id)
        names = {found.version for found in doomed}
        undone = {found.app for found in doomed}
        gone = undone - {found.app for found in before.applied if found.version not in names}
        had_texts = {app for _, app, _, _ in earlier}
        wanted = [
            _booked(key, app, before.repeatables[key].position if key in before.repeatables else place, text)
            for key, app, place, text in earlier
            if app not in gone
        ]
        wanted += [
            found
            for found in before.repeatables.values()
            if found.app not in had_texts and found.app not in undone
        ]
        return sorted(wanted, key=lambda found: (found.position, found.key))

    def _inside(
        self,
        segment: versioned.Segment,
        wanted: Sequence[BookedRepeatable],
        doomed: Sequence[BookedVersion],
        last: bool,
    ) -> None:
        undone = Undone()
        with self._run.transaction():
            self._run.as_owner()
            writer = self._open(self._release_id)
            before = books.read(self._connection)
            repeatables = Repeatables(
                self._connection, as_steps(wanted), before.repeatables, writer, self._run.report
            )
            if doomed:
                undone.left_out = self._take_away(repeatables, before, wanted, doomed)
            removable = frozenset(found for r in before.repeatables.values() for found in r.objects)
            for step in segment.steps:
                self._run.report.step(f"undo {step.version}")
                versioned.execute(self._connection, step, removable)
                writer.version_gone(str(step.version))
                undone.versions.append(str(step.version))
            if last:
                repeatables.converge()
                undone.restored = repeatables.applied
                self._connection.execute("notify pgrst, 'reload schema'")
        self._release_id = writer.release_id
        self.undone.versions += undone.versions
        self.undone.restored += undone.restored
        self.undone.left_out += undone.left_out

    def _take_away(
        self,
        repeatables: Repeatables,
        before: Books,
        wanted: Sequence[BookedRepeatable],
        doomed: Sequence[BookedVersion],
    ) -> list[str]:
        """Take away the steps that have no place after the rollback; returns those of apps that stay."""
        keys = {found.key for found in wanted}
        removed = sorted(
            (found for found in before.repeatables.values() if found.key not in keys),
            key=lambda found: found.position,
            reverse=True,
        )
        undone = {found.version for found in doomed}
        staying = frozenset(found.app for found in before.applied if found.version not in undone)
        repeatables.take_away(removed, keep_settings_of=staying)
        return sorted(found.key for found in removed if found.app in staying)

    def _outside(self, step: Step) -> None:
        with self._run.transaction():
            self._run.as_owner()
            writer = self._open(self._release_id)
            writer.version_started(str(step.version))
        self._release_id = writer.release_id
        with self._run.outside():
            self._run.report.step(f"undo {step.version}")
            try:
                statements.run(self._connection, step)
            except StepError as error:
                if error.sqlstate not in NO_SUCH_OBJECT:
                    raise
        with self._run.transaction():
            self._run.as_owner()
            writer.version_gone(str(step.version))
        self.undone.versions.append(str(step.version))

    def _open(self, release_id: int | None) -> Writer:
        newest = books.last_release(self._connection)
        header = Header(
            "rollback",
            self._run.target,
            newest.clock if newest else self._run.clock,
            newest.master_key_file if newest else self._run.master_key_file,
            newest.bootstrap_sha if newest else None,
            self._run.project_commit,
        )
        writer = Writer(self._connection, header, release_id)
        writer.open_release()
        return writer


def _beside(current: Step | None, name: str) -> Path:
    """The file of a rollback, if the version's own is known."""
    file = f"{name}.rollback.sql.j2"
    return current.source.with_name(file) if current is not None else Path(file)


def _booked(key: str, app: str, position: int, text: str) -> BookedRepeatable:
    sha = hashlib.sha256(text.encode()).hexdigest()
    return BookedRepeatable(key, app, position, sha, text, frozenset(), None)
