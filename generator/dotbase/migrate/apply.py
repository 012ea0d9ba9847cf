"""`dotbase migrate`: versioned files, then repeatable steps, then the checks; all or nothing."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

from dotbase.catalog.objects import CatalogObject, present
from dotbase.errors import DotbaseError
from dotbase.migrate import bodies, catalog, history, lock, plan, privileges, statements, versioned
from dotbase.migrate.failures import NO_SUCH_OBJECT, RACED, HaltedError, RacedError, StepError
from dotbase.migrate.history import History
from dotbase.migrate.repeatables import Repeatables, as_steps
from dotbase.migrate.session import Run
from dotbase.migrate.versioned import Segment
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


def read_plan(run: Run) -> tuple[plan.Plan, History, privileges.Privileges]:
    """What is to be done now, without writing anything."""
    bootstrap = next((step for step in run.steps if step.kind == "bootstrap"), None)
    with run.transaction():
        run.connection.execute("set transaction read only")
        release = history.newest(run.connection)
        standing = privileges.examine(run.connection, bootstrap, run.target, run.owner, release)
        if release is not None and release.target != run.target:
            raise DotbaseError(
                f"the database was migrated for target {release.target}, not {run.target}",
                f"run with --target {release.target}",
            )
        recorded = read_history(run)
        made = plan.make(
            run.steps,
            recorded,
            present(run.connection).objects,
            catalog.access(run.connection),
            bootstrap=standing.bootstrap,
        )
    return made, recorded, standing


def read_history(run: Run) -> History:
    """The history, read as their owner."""
    if not history.exist(run.connection):
        return History()
    history.as_keeper(run.connection)
    return history.read(run.connection)


def migrate(run: Run) -> Outcome:
    """Bring the database to the rendered steps."""
    return _Migration(run).run()


class _Migration:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._connection = run.connection
        self._report = run.report
        self._release_id: int | None = None
        self._boundary: str | None = None
        self._bootstrap: Step | None = None
        self.outcome = Outcome()

    def run(self) -> Outcome:
        started = time.monotonic()
        with lock.exclusive(self._connection, self._run.lock_options, self._report):
            todo, _, standing = read_plan(self._run)
            self.outcome.notes = standing.notes
            if not todo.empty:
                self._report.expect(
                    len(todo.versioned) + len(todo.repeatables) + len(todo.removed) + bool(todo.bootstrap)
                )
                self._bootstrap = todo.bootstrap
                cut = versioned.segments(todo.versioned)
                for segment in cut:
                    self._do(segment, last=segment is cut[-1])
                self.outcome.changed = True
        self.outcome.seconds = time.monotonic() - started
        return self.outcome

    def _do(self, segment: Segment, *, last: bool) -> None:
        if segment.boundary is not None:
            self._boundary = segment.boundary
            self._report.say(f"Boundary: {segment.boundary}; what came before is committed.")
        try:
            lock.persistent(
                self._connection,
                partial(self._inside, segment, last=last)
                if segment.transactional
                else partial(self._outside, segment.steps[0]),
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

    def _inside(self, segment: Segment, *, last: bool) -> None:
        outcome = Outcome(notes=self.outcome.notes)
        bootstrap = self._bootstrap
        with self._run.transaction():
            if bootstrap is not None:
                self._report.step(bootstrap.key)
                try:
                    statements.run(self._connection, bootstrap)
                except StepError as error:
                    if error.sqlstate in RACED:
                        raise RacedError(error.what, error.remedy, error.where, error.sqlstate) from error
                    raise
            privileges.require(self._connection, self._run.target, self._run.owner)
            self._run.as_owner()
            writer = self._open_history(bootstrap)
            before = history.read(self._connection)
            removable = frozenset(found for r in before.repeatables.values() for found in r.objects)
            dropped: frozenset[CatalogObject] = frozenset()
            for step in segment.steps:
                self._report.step(step.key)
                self._undo_unfinished(step, before)
                dropped |= versioned.execute(self._connection, step, removable)
                writer.version(step, "applied")
                outcome.versions.append(str(step.version))
            if last:
                self._repeat(writer, before, outcome)
            bodies.require(self._connection, self._run.steps)
            if last:
                self._run.verify(self._connection)
                self._connection.execute("notify pgrst, 'reload schema'")
            elif dropped:
                self._restore(writer, before)
        self._release_id = writer.release_id
        self._bootstrap = None
        self.outcome.versions += outcome.versions
        self.outcome.repeatables += outcome.repeatables
        self.outcome.removed += outcome.removed

    def _open_history(self, bootstrap: Step | None) -> Writer:
        if not history.exist(self._connection):
            history.make(self._connection)
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

    def _undo_unfinished(self, step: Step, before: History) -> None:
        """A version that began outside of a transaction and became a transactional one since."""
        recorded = before.versions.get(str(step.version))
        if recorded is not None and recorded.state == "started" and step.rollback_sql:
            self._undo(step)

    def _undo(self, step: Step) -> None:
        undoing = replace(
            step,
            key=plan.rollback_key(step.key),
            source=step.rollback_source or step.source,
            sql=step.rollback_sql or "",
        )
        try:
            with self._connection.transaction() if step.transactional else nullcontext():
                statements.run(self._connection, undoing)
        except StepError as error:
            if error.sqlstate not in NO_SUCH_OBJECT:
                raise

    def _outside(self, step: Step) -> None:
        with self._run.transaction():
            self._run.as_owner()
            recorded = history.read(self._connection).versions.get(str(step.version))
            writer = self._open_history(None)
            writer.version(step, "started")
        self._release_id = writer.release_id
        with self._run.outside():
            if recorded is not None:
                self._report.say(f"{step.key} was started before and did not end: undone first.")
                self._undo(step)
            self._report.step(step.key)
            statements.run(self._connection, step)
        with self._run.transaction():
            self._run.as_owner()
            writer.version(step, "applied")
        self.outcome.versions.append(str(step.version))

    def _repeat(self, writer: Writer, before: History, outcome: Outcome) -> None:
        repeatables = Repeatables(
            self._connection, self._run.steps, before.repeatables, writer, self._report, self._run.verify
        )
        gone = plan.removed(self._run.steps, before.repeatables)
        repeatables.rename()
        repeatables.take_away(gone)
        repeatables.converge()
        outcome.removed = len(gone)
        outcome.repeatables = repeatables.applied

    def _restore(self, writer: Writer, before: History) -> None:
        """What a boundary commits is whole where it can be: the older texts, put back."""
        steps = as_steps(sorted(before.repeatables.values(), key=lambda recorded: recorded.position))
        try:
            with self._connection.transaction():
                Repeatables(self._connection, steps, before.repeatables, writer, self._report).converge()
        except DotbaseError as error:
            self._report.say(f"Until the migration ends, views or policies are missing: {error.sentence}")
