"""Repeatable steps: applied when their text changed or what they made is gone, until all is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import psycopg

from dotbase.catalog.grants import table_fingerprints
from dotbase.catalog.made import Watch
from dotbase.catalog.objects import CatalogObject, Present, present
from dotbase.errors import DotbaseError
from dotbase.migrate import cron_lines, plan, statements
from dotbase.migrate.history import RecordedRepeatable, with_objects
from dotbase.migrate.removal import declares_jobs, drop, remove_declaration, revoke_routines
from dotbase.migrate.report import Report
from dotbase.migrate.statements import NOT_REPLACEABLE, StepError
from dotbase.migrate.writer import Writer
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]
# A step is due again when another took away what it made. Two files that do so to each other would never
# end, so more than this many passes over all steps are refused.
MOST_PASSES = 12


class Repeatables:
    """Brings the repeatable steps of a database to the given texts, inside the caller's transaction.

    current: key of the step that is being applied, so that who catches a refusal knows whose it is.
    """

    def __init__(
        self,
        connection: Connection,
        steps: Sequence[Step],
        recorded: Mapping[str, RecordedRepeatable],
        writer: Writer,
        report: Report,
        explain: Callable[[Connection], None] | None = None,
    ) -> None:
        self._connection = connection
        self._steps = [step for step in steps if step.kind == "repeatable"]
        self._recorded = dict(recorded)
        self._writer = writer
        self._report = report
        self._explain = explain
        self._watch: Watch
        self._waiting: set[str] = set()
        self._again: set[str] = set()
        self.applied = 0
        self.current: str | None = None

    def remove(
        self,
        gone: Sequence[RecordedRepeatable],
        *,
        keep_settings_of: frozenset[str] = frozenset(),
        undoing: bool = False,
    ) -> None:
        """Remove steps, in the given order: first what they declared, then the objects that they made."""
        for recorded in gone:
            self._report.step(f"remove {recorded.key}")
            keep = recorded.app in keep_settings_of
            remove_declaration(
                self._connection, recorded.key, recorded.app, keep_settings=keep, undoing=undoing
            )
        ours = self._ours()
        for recorded in gone:
            drop(self._connection, recorded.objects, recorded.key, ours)
            self._writer.repeatable_gone(recorded)
            self._recorded.pop(recorded.key, None)

    def rename(self) -> None:
        """Follow files that only have another name now."""
        position = {step.key: place for place, step in enumerate(self._steps)}
        for gone, step in plan.moved(self._steps, self._recorded):
            del self._recorded[gone.key]
            self._writer.repeatable_gone(gone)
            self._record(step, gone.objects, position[step.key], gone.access, new_text=True)

    def converge(self) -> None:
        """Apply what is due, in order. What goes absent by that is due again, before what comes after it."""
        position = {step.key: place for place, step in enumerate(self._steps)}
        # Grants are compared once: what this run does to them is recorded at its end.
        grants = table_fingerprints(self._connection)
        allowed = MOST_PASSES * len(self._steps)
        self._watch = Watch(self._connection)
        while due := self._due(grants):
            self._waiting = {found.step.key for found in due}
            for found in due:
                step = found.step
                self._report.step(f"{step.key} ({found.reason})")
                self.current = step.key
                dropped = self._apply(step, position[step.key])
                self._note_applied(step)
                table = plan.table_of(step.key)
                if table is not None:
                    grants[table] = self._recorded[step.key].access or ""
                if self.applied > allowed:
                    raise DotbaseError(
                        f"{step.key} and others take away each other's objects without end",
                        "put what depends on each other into one file",
                    )
                if dropped:
                    break
        self.current = None
        self._record_what_changed_unapplied(position)

    def _due(self, grants: Mapping[str, str]) -> list[plan.Due]:
        existing = present(self._connection).objects
        return plan.due(self._steps, self._recorded, existing, grants, self._again)

    def _note_applied(self, step: Step) -> None:
        """After a file of routines, the grants and RPCs of its app are due again."""
        self._waiting.discard(step.key)
        self._again.discard(step.key)
        if plan.makes_routines(step) or step.key.endswith("#grants"):
            self._again |= {
                other.key
                for other in self._steps
                if other.always_with_app and other.app == step.app and other.key != step.key
            }

    def _apply(self, step: Step, position: int) -> bool:
        """Apply one step and record what it made; whether anything was dropped for it."""
        old = self._recorded.get(step.key)
        mine = old.objects if old else frozenset()
        others = frozenset(
            found
            for key in self._waiting - {step.key}
            if key in self._recorded
            for found in self._recorded[key].objects
        )
        dropped = self._run(step, mine, others)
        # Who made nothing before can have left nothing: what others made need not be read.
        made, now = self._watch.made(alone=not mine)
        left = (mine & now.objects) - made
        if plan.makes_routines(step):
            stale = _replaceable(left)
            if stale:
                made, now = self._without(step, stale, made)
                dropped = True
            left -= stale
        # A schema, and what a declaration keeps, is its own also when it was not made anew.
        objects = (made | left) & now.objects
        self._take_over(step.key, made)
        new_text = old is None or old.sha != step.sha
        self._record(step, objects, position, old.access if old else None, new_text=new_text)
        self.applied += 1
        return dropped

    def _without(
        self, step: Step, stale: frozenset[CatalogObject], made: frozenset[CatalogObject]
    ) -> tuple[frozenset[CatalogObject], Present]:
        """Drop what the newer text did not make, and run it again: it may make things only when absent."""
        drop(self._connection, stale, f"{step.key}:{step.line}", self._ours() | made)
        self._run(step, made, frozenset())
        again, now = self._watch.made()
        return made | again, now

    def _ours(self) -> frozenset[CatalogObject]:
        """All that the steps made."""
        return frozenset(found for recorded in self._recorded.values() for found in recorded.objects)

    def _run(self, step: Step, mine: frozenset[CatalogObject], others: frozenset[CatalogObject]) -> bool:
        """In place if possible; else after dropping what its older text made; else what others made, too.

        Returns whether anything was dropped.
        """
        first: frozenset[CatalogObject] = frozenset()
        tries = list(dict.fromkeys([first, _replaceable(mine), _replaceable(mine | others)]))
        for to_drop in tries:
            try:
                with self._connection.transaction():
                    drop(self._connection, to_drop, f"{step.key}:{step.line}", self._ours())
                    revoke_routines(self._connection, step.key, step.app)
                    statements.run(self._connection, step)
                    if declares_jobs(step.key):
                        cron_lines.bring_in_step(self._connection)
                return bool(to_drop)
            except StepError as error:
                if error.sqlstate not in NOT_REPLACEABLE or to_drop == tries[-1]:
                    self._say_why(step, error)
        raise AssertionError(step.key)

    def _say_why(self, step: Step, error: StepError) -> NoReturn:
        """The check of the policies may know better than the server what is wrong with a declaration."""
        path = step.key.partition("#")[0]
        if self._explain is not None and path.startswith("policies/") and not self._connection.broken:
            try:
                with self._connection.transaction():
                    self._explain(self._connection)
            except DotbaseError as better:
                if (better.where or "").startswith(path):
                    raise better from None
            except psycopg.Error:
                pass
        raise error

    def _take_over(self, key: str, made: frozenset[CatalogObject]) -> None:
        """What one file made before and another makes now belongs to the latter."""
        for other, recorded in list(self._recorded.items()):
            if other != key and recorded.objects & made:
                self._recorded[other] = with_objects(recorded, recorded.objects - made)
                self._writer.objects(self._recorded[other])

    def _record(
        self,
        step: Step,
        objects: frozenset[CatalogObject],
        position: int,
        access: str | None,
        *,
        new_text: bool,
    ) -> None:
        recorded = RecordedRepeatable(step.key, step.app, position, step.sha, step.sql, objects, access)
        self._writer.repeatable(recorded, new_text=new_text)
        self._recorded[step.key] = recorded

    def _record_what_changed_unapplied(self, position: Mapping[str, int]) -> None:
        """Grants as they are at the end of all steps, and the places of steps that were not applied."""
        now = table_fingerprints(self._connection)
        for key, recorded in self._recorded.items():
            table = plan.table_of(key)
            if table is not None:
                self._writer.access(key, now.get(table))
            if recorded.position != position[key]:
                self._writer.position(key, position[key])


def _replaceable(objects: frozenset[CatalogObject]) -> frozenset[CatalogObject]:
    """Without schemas, which may hold data: those go only when their step is removed."""
    return frozenset(found for found in objects if found.type != "schema")


def as_steps(recorded: Iterable[RecordedRepeatable]) -> list[Step]:
    """Steps that put recorded texts back."""
    return [
        Step(
            key=found.key,
            app=found.app,
            kind="repeatable",
            source=Path(found.key.partition("#")[0]),
            line=1,
            sql=found.sql,
            source_sha="",
            always_with_app=found.key.endswith(("#grants", "#rpcs")),
        )
        for found in recorded
    ]
