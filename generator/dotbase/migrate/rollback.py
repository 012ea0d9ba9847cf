"""`dotbase rollback`: the newest versions undone, the repeatable texts before them put back."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from dotbase.errors import DotbaseError
from dotbase.migrate import controls, history, locks, losses, plan, privileges, restore, statements, versions
from dotbase.migrate.history import History, RecordedVersion
from dotbase.migrate.losses import Losses, RowWatch
from dotbase.migrate.migration import Segment, segments
from dotbase.migrate.repeatables import Repeatables
from dotbase.migrate.report import Silent
from dotbase.migrate.restore import Texts
from dotbase.migrate.run import Run
from dotbase.migrate.statements import NO_SUCH_OBJECT, StepError
from dotbase.migrate.writer import Header, Writer
from dotbase.render.steps import Step


@dataclass
class Undone:
    """What a rollback did.

    restored: repeatable steps that have another text again.
    kept:     those that had no text before, and stay as they still apply.
    left_out: those that came with what was undone, and are gone until the next migrate.
    refused:  those that do not apply to the older schema, with what is wrong; gone as well.
    orphaned: those of the refused that are about a table which goes.
    apps:     of which nothing is left.
    notes:    for the person.
    """

    versions: list[str] = field(default_factory=list)
    restored: int = 0
    kept: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    orphaned: set[str] = field(default_factory=set)
    apps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def rollback(
    run: Run,
    *,
    steps: int | None = None,
    to: str | None = None,
    confirmed: bool = False,
    drop_broken: bool = False,
) -> Undone:
    """Undo the newest versions, so many or down to one that stays.

    confirmed:   also when rows or a whole app go; without, that is refused.
    drop_broken: routines and views that no recorded text of theirs would make whole are dropped; without,
                 that is refused.
    """
    return _Rollback(run, confirmed=confirmed, drop_broken=drop_broken).run(steps, to)


def dry_run(run: Run, *, steps: int | None = None, to: str | None = None) -> tuple[Undone, Losses]:
    """What `rollback` would do: done in a transaction that is undone, what it changes locked meanwhile."""
    return _Rollback(replace(run, report=Silent()), confirmed=True, drop_broken=True).dry_run(steps, to)


class _Rollback:
    def __init__(self, run: Run, *, confirmed: bool, drop_broken: bool) -> None:
        self._run = run
        self._confirmed = confirmed
        self._drop_broken = drop_broken
        self._already: frozenset[str] = frozenset()
        self._instead: str | None = None
        self._watch: RowWatch | None = None
        self._connection = run.connection
        self._release_id: int | None = None
        self._boundary: str | None = None
        self._to_undo: list[RecordedVersion] = []
        self._texts: Texts
        self.undone = Undone()

    def run(self, steps: int | None, to: str | None) -> Undone:
        with locks.exclusive(self._connection, self._run.lock_options, self._run.report):
            before = self._choose(steps, to)
            cut = self._cut()
            keys = {found.key for found in self._texts.wanted}
            self._run.report.expect(len(self._to_undo) + sum(key not in keys for key in before.repeatables))
            for segment in cut if self._to_undo else ():
                if segment.boundary is not None:
                    self._boundary = segment.boundary
                    self._run.report.say(f"Boundary: {segment.boundary}; what came before is committed.")
                first, last = segment is cut[0], segment is cut[-1]
                try:
                    locks.retried(
                        self._connection,
                        partial(self._in_transaction, segment, first=first, last=last)
                        if segment.transactional
                        else partial(self._outside_transaction, segment.steps[0]),
                        self._run.lock_options,
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
            if self._to_undo:
                self.undone.notes = self._run.tell_postgrest()
        return self.undone

    def dry_run(self, steps: int | None, to: str | None) -> tuple[Undone, Losses]:
        """The same in a transaction that is undone."""
        with locks.exclusive(self._connection, self._run.lock_options, self._run.report):
            self._choose(steps, to)
            return locks.retried(self._connection, self._tried, self._run.lock_options, self._run.report)

    def _tried(self) -> tuple[Undone, Losses]:
        with self._run.transaction():
            self._run.as_owner()
            return self._try(whole=True)

    def _choose(self, steps: int | None, to: str | None) -> History:
        with self._run.transaction():
            privileges.require(self._connection, self._run.target, self._run.owner)
            self._run.as_owner()
            before = history.read(self._connection)
            self._to_undo = versions.chosen(before, steps, to)
            self._texts = Texts([], frozenset(), [])
            if self._to_undo:
                self._texts = restore.choose(self._connection, before, self._to_undo)
                self._instead = restore.whole_before(before, self._to_undo)
                self._already = restore.said_of_bodies(self._connection, before.repeatables)
            return before

    def _cut(self) -> list[Segment]:
        steps = [self._down(found) for found in self._to_undo]
        controls.require_plain(steps)
        return segments(steps)

    def _down(self, recorded: RecordedVersion) -> Step:
        """The rollback of a version as a step: the text in the file, or the recorded one if that is gone."""
        current = next((step for step in self._run.steps if step.version == recorded.version), None)
        text = current.rollback_sql if current is not None and current.rollback_sql else recorded.down_sql
        name = recorded.version.partition(".")[2]
        if plan.has_no_statement(text):
            raise plan.empty_rollback(recorded.version)
        return Step(
            key=plan.rollback_key(f"schema/{recorded.app}/{name}.sql"),
            app=recorded.app,
            kind="versioned",
            source=current.rollback_source if current and current.rollback_source else Path(name),
            line=1,
            sql=text,
            source_sha="",
            version=recorded.version,
            transactional=recorded.transactional,
        )

    def _in_transaction(self, segment: Segment, *, first: bool, last: bool) -> None:
        with self._run.transaction():
            self._run.as_owner()
            if first and not self._confirmed:
                self._try(whole=False)[1].require_consent("rollback", "rollback --plan")
            writer = self._open_release(self._release_id)
            undone = self._do(segment, writer, first=first, last=last)
        self._release_id = writer.release_id
        self._add(self.undone, undone)

    def _try(self, *, whole: bool) -> tuple[Undone, Losses]:
        """All that a transaction can hold, in a savepoint that is rolled back; whole: with the texts."""
        tried = _Rollback(replace(self._run, report=Silent()), confirmed=True, drop_broken=self._drop_broken)
        tried._to_undo, tried._texts = self._to_undo, self._texts
        tried._instead, tried._already = self._instead, self._already
        cut = self._cut()
        with losses.watched(self._connection, self._texts.apps, lock=not whole) as (lost, watch):
            tried._watch = watch
            for segment in cut if self._to_undo else ():
                if not segment.transactional:
                    tried._try_outside(segment.steps[0])
                    continue
                last = whole and segment is cut[-1]
                undone = tried._do(segment, tried._open_release(None), first=segment is cut[0], last=last)
                self._add(tried.undone, undone)
        return tried.undone, lost

    def _try_outside(self, step: Step) -> None:
        """What no transaction can hold, as far as one can: `concurrently` is what most often keeps it out."""
        if not statements.is_about_an_index(step.sql):
            assert self._watch is not None
            losses.try_outside(self._connection, step, self._watch)
        self._open_release(None).version_gone(str(step.version))
        self.undone.versions.append(str(step.version))

    def _do(self, segment: Segment, writer: Writer, *, first: bool, last: bool) -> Undone:
        """Undo the versions of a segment: first goes what has no place, at the end texts return."""
        undone = Undone()
        before = history.read(self._connection)
        names = {found.version for found in self._to_undo}
        staying = frozenset(found.app for found in before.applied if found.version not in names)
        if first:
            undone.left_out = self._remove(before, writer, staying)
        removable = frozenset(found for r in before.repeatables.values() for found in r.objects)
        texts = versions.texts_of_versions(self._run.steps, before)
        for step in segment.steps:
            self._run.report.step(f"undo {step.version}")
            with self._watch.version() if self._watch else nullcontext():
                versions.run_version(self._connection, step, removable, texts)
            writer.version_gone(str(step.version))
            undone.versions.append(str(step.version))
        if last:
            recorded = history.read(self._connection).repeatables
            done = restore.put_back(
                self._connection,
                self._texts,
                recorded,
                writer,
                self._run.report,
                keep_settings_of=staying,
                already=self._already,
            )
            if not self._drop_broken:
                done.require_whole(self._instead)
            undone.restored, undone.refused, undone.orphaned = done.restored, done.refused, done.orphaned
            undone.kept = sorted(self._texts.kept - done.refused.keys())
            undone.apps = self._texts.apps
        return undone

    @staticmethod
    def _add(whole: Undone, part: Undone) -> None:
        whole.versions += part.versions
        whole.restored += part.restored
        whole.kept += part.kept
        whole.left_out += part.left_out
        whole.refused |= part.refused
        whole.orphaned |= part.orphaned
        whole.apps += part.apps

    def _remove(self, before: History, writer: Writer, staying: frozenset[str]) -> list[str]:
        """Remove the steps that have no place after the rollback; returns those of apps that stay."""
        keys = {found.key for found in self._texts.wanted}
        removed = sorted(
            (found for found in before.repeatables.values() if found.key not in keys),
            key=lambda found: found.position,
            reverse=True,
        )
        repeatables = Repeatables(self._connection, [], before.repeatables, writer, self._run.report)
        repeatables.remove(removed, keep_settings_of=staying, undoing=True)
        return sorted(found.key for found in removed if found.app in staying)

    def _outside_transaction(self, step: Step) -> None:
        with self._run.transaction():
            self._run.as_owner()
            writer = self._open_release(self._release_id)
            writer.version_started(str(step.version))
        self._release_id = writer.release_id
        with self._run.outside_transaction(waits_alone=statements.waits_alone(step.sql)):
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

    def _open_release(self, release_id: int | None) -> Writer:
        newest = history.last_release(self._connection)
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
