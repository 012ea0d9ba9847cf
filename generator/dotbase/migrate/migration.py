"""`dotbase migrate`: versioned files, then repeatable steps, then the checks; all or nothing.

From the command to a statement on the server:

    commands/migrate.py   command
    run.py                open_run: the project's steps, the connection, what the database was made with
    migration.py          migrate: under the lock of migrations (locks.exclusive)
    plan.py               read_plan: what is pending
    migration.py          a segment, which is committed as one; again while it loses against other sessions'
                          locks (locks.retried)
    versions.py           run_version, for each versioned file
    repeatables.py        Repeatables.converge, for the repeatable steps; removal.py for those that are gone
    statements.py         run: the text of one step

What was applied goes into the history by writer.py, in the same transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from dotbase.errors import DotbaseError
from dotbase.migrate import bodies, history, locks, plan, privileges, statements, versions
from dotbase.migrate.history import History
from dotbase.migrate.losses import try_outside, watched
from dotbase.migrate.repeatables import Repeatables, as_steps
from dotbase.migrate.run import Run
from dotbase.migrate.statements import (
    BOOTSTRAP_COLLISION,
    NO_SUCH_OBJECT,
    BootstrapCollisionError,
    StepError,
)
from dotbase.migrate.writer import Header, Writer
from dotbase.render.steps import Step


@dataclass
class Outcome:
    """What a migration did."""

    versions: list[str] = field(default_factory=list)
    repeatables: int = 0
    removed: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    changed: bool = False


class HaltedError(DotbaseError):
    """A migration that was refused behind a boundary: what came before is committed."""


@dataclass(frozen=True)
class Segment:
    """Steps that are committed together.

    boundary:      name of the commit point in front of them; None at the beginning.
    transactional: False for the single statement that no transaction may hold.
    """

    steps: tuple[Step, ...]
    boundary: str | None
    transactional: bool = True


def segments(steps: Sequence[Step]) -> list[Segment]:
    """Cut steps at their boundaries. The first and the last segment are always transactional."""
    found: list[Segment] = []
    together: list[Step] = []
    boundary: str | None = None
    for step in steps:
        if step.transactional and step.boundary is None:
            together.append(step)
            continue
        if together or not found:
            found.append(Segment(tuple(together), boundary))
            together = []
        name = step.boundary or str(step.version)
        found.append(Segment((step,), name, step.transactional))
        boundary = f"after {name}"
    found.append(Segment(tuple(together), boundary))
    return found


def migrate(run: Run, *, confirmed: bool = False) -> Outcome:
    """Bring the database to the rendered steps.

    confirmed: also when rows go; without, that is refused.
    """
    return _Migration(run, confirmed=confirmed).run()


class _Migration:
    def __init__(self, run: Run, *, confirmed: bool) -> None:
        self._run = run
        self._confirmed = confirmed
        self._connection = run.connection
        self._report = run.report
        self._release_id: int | None = None
        self._boundary: str | None = None
        self._bootstrap: Step | None = None
        self._already: frozenset[str] = frozenset()
        self.outcome = Outcome()

    def run(self) -> Outcome:
        started = time.monotonic()
        with locks.exclusive(self._connection, self._run.lock_options, self._report):
            todo, recorded, self.outcome.notes = plan.read_plan(self._run)
            if not todo.empty:
                # What goes of an empty database, the versions themselves have put there.
                self._confirmed |= not recorded.applied
                self._already = self._said_before(recorded)
                self._report.expect(
                    len(todo.versioned) + len(todo.repeatables) + len(todo.removed) + bool(todo.bootstrap)
                )
                self._bootstrap = todo.bootstrap
                cut = segments(todo.versioned)
                for segment in cut:
                    self._run_segment(segment, last=segment is cut[-1])
                self.outcome.changed = True
                self.outcome.notes = self.outcome.notes + self._run.tell_postgrest()
        self.outcome.seconds = time.monotonic() - started
        return self.outcome

    def _run_segment(self, segment: Segment, *, last: bool) -> None:
        if segment.boundary is not None:
            self._boundary = segment.boundary
            self._report.say(f"Boundary: {segment.boundary}; what came before is committed.")
        try:
            locks.retried(
                self._connection,
                partial(self._in_transaction, segment, last=last)
                if segment.transactional
                else partial(self._outside_transaction, segment.steps[0]),
                self._run.lock_options,
                self._report,
            )
        except DotbaseError as error:
            if self._boundary is None:
                raise
            raise HaltedError(
                f"{error.what}; the migration stands at boundary `{self._boundary}`, what came before it is"
                " committed",
                f"{error.remedy}: it resumes there",
                error.where,
            ) from None

    def _in_transaction(self, segment: Segment, *, last: bool) -> None:
        outcome = Outcome(notes=self.outcome.notes)
        bootstrap = self._bootstrap
        with self._run.transaction():
            if bootstrap is not None:
                self._apply_bootstrap(bootstrap)
            privileges.require(self._connection, self._run.target, self._run.owner)
            self._run.as_owner()
            writer = self._open_release(bootstrap)
            before = history.read(self._connection)
            removable = versions.objects_of(before)
            dropped = versions.run_versions(
                self._connection,
                segment.steps,
                removable,
                versions.texts_of_versions(self._run.steps, before),
                partial(self._before_version, before),
                confirmed=self._confirmed,
            )
            for step in segment.steps:
                writer.version(step, "applied")
                outcome.versions.append(str(step.version))
            if last:
                self._apply_repeatables(writer, before, outcome)
                self._require_whole()
                self._run.verify(self._connection)
                self._run.record_notice()
            else:
                bodies.require_valid(self._connection, self._run.steps)
                if dropped:
                    self._put_back_dropped(writer, before)
        self._release_id = writer.release_id
        self._bootstrap = None
        self.outcome.versions += outcome.versions
        self.outcome.repeatables += outcome.repeatables
        self.outcome.removed += outcome.removed

    def _outside_transaction(self, step: Step) -> None:
        with self._run.transaction():
            self._run.as_owner()
            recorded = history.read(self._connection).versions.get(str(step.version))
            if not self._confirmed and not statements.is_about_an_index(step.sql):
                with watched(self._connection, (), lock=False) as (lost, watch):
                    try_outside(self._connection, step, watch)
                lost.require_consent("migrate", "plan")
            writer = self._open_release(None)
            writer.version(step, "started")
        self._release_id = writer.release_id
        with self._run.outside_transaction(waits_alone=statements.waits_alone(step.sql)):
            if recorded is not None:
                self._report.say(f"{step.key} was started before and did not end: undone first.")
                self._undo(step)
            self._report.step(step.key)
            statements.run(self._connection, step)
        with self._run.transaction():
            self._run.as_owner()
            writer.version(step, "applied")
        self.outcome.versions.append(str(step.version))

    def _said_before(self, recorded: History) -> frozenset[str]:
        """What is wrong with routines before this migration, by whomever."""
        if not recorded.repeatables:
            return frozenset()
        with self._run.transaction():
            self._run.as_owner()
            return bodies.said_of(self._connection, versions.objects_of(recorded))

    def _require_whole(self) -> None:
        """All routines hold, also those of files that did not change: a version may have broken them."""
        if not self._run.reads_bodies:
            bodies.require_valid(self._connection, self._run.steps)
            return
        recorded = history.read(self._connection)
        bodies.require_whole(self._connection, self._run.steps, versions.objects_of(recorded), self._already)

    def _apply_bootstrap(self, bootstrap: Step) -> None:
        self._report.step(bootstrap.key)
        try:
            statements.run(self._connection, bootstrap)
        except StepError as error:
            if error.sqlstate not in BOOTSTRAP_COLLISION:
                raise
            raise BootstrapCollisionError(error.what, error.remedy, error.where, error.sqlstate) from error

    def _open_release(self, bootstrap: Step | None) -> Writer:
        if not history.exists(self._connection):
            history.create(self._connection)
        newest = history.last_release(self._connection)
        recorded_sha = newest.bootstrap_sha if newest else None
        header = Header(
            "migrate",
            self._run.target,
            self._run.clock,
            self._run.master_key_file,
            bootstrap.sha if bootstrap is not None else recorded_sha,
            self._run.project_commit,
        )
        writer = Writer(self._connection, header, self._release_id)
        writer.open_release()
        return writer

    def _before_version(self, before: History, step: Step) -> None:
        self._report.step(step.key)
        self._undo_unfinished(step, before)

    def _undo_unfinished(self, step: Step, before: History) -> None:
        """A version that began outside of a transaction and became a transactional one since."""
        recorded = before.versions.get(str(step.version))
        if recorded is not None and recorded.state == "started" and step.rollback_sql:
            self._undo(step)

    def _undo(self, step: Step) -> None:
        undoing = plan.down(step)
        try:
            with self._connection.transaction() if step.transactional else nullcontext():
                statements.run(self._connection, undoing)
        except StepError as error:
            if error.sqlstate not in NO_SUCH_OBJECT:
                raise

    def _apply_repeatables(self, writer: Writer, before: History, outcome: Outcome) -> None:
        repeatables = Repeatables(
            self._connection, self._run.steps, before.repeatables, writer, self._report, self._run.verify
        )
        gone = plan.removed(self._run.steps, before.repeatables)
        repeatables.rename()
        repeatables.remove(gone)
        repeatables.converge()
        outcome.removed = len(gone)
        outcome.repeatables = repeatables.applied

    def _put_back_dropped(self, writer: Writer, before: History) -> None:
        """What a boundary commits is whole where it can be: the older texts, put back."""
        steps = as_steps(sorted(before.repeatables.values(), key=lambda recorded: recorded.position))
        try:
            with self._connection.transaction():
                Repeatables(self._connection, steps, before.repeatables, writer, self._report).converge()
        except DotbaseError as error:
            self._report.say(f"Until the migration ends, views or policies are missing: {error.sentence}")
