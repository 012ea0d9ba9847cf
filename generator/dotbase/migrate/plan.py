"""What there is to do: versioned files that are pending, repeatable steps to apply, steps to remove."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dotbase.catalog import grants
from dotbase.catalog.objects import CatalogObject, present
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement, controls, history, privileges, statements
from dotbase.migrate.history import History, RecordedRepeatable, RecordedVersion
from dotbase.migrate.run import Run
from dotbase.render import sources
from dotbase.render.steps import Step
from dotbase.render.versions import number

COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
STATEMENT = re.compile(r"[^\s;]")
Reason = Literal["new", "changed", "absent", "grants changed", "with its app"]


@dataclass(frozen=True)
class Due:
    """A repeatable step that is to be applied, and why."""

    step: Step
    reason: Reason


@dataclass(frozen=True)
class Plan:
    """What there is to do, in order.

    bootstrap:  the cluster-wide part, when it has to run.
    unfinished: versions that were started outside of a transaction and never ended.
    moved:      recorded steps that only have another key now, and that key.
    """

    bootstrap: Step | None
    unfinished: list[RecordedVersion]
    versioned: list[Step]
    moved: list[tuple[RecordedRepeatable, Step]]
    removed: list[RecordedRepeatable]
    repeatables: list[Due]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.bootstrap or self.versioned or self.moved or self.removed or self.repeatables)


def read_plan(run: Run) -> tuple[Plan, History, list[str]]:
    """What is to be done now, what is recorded, and notes for the person; nothing is written."""
    bootstrap = next((step for step in run.steps if step.kind == "bootstrap"), None)
    with run.transaction():
        run.connection.execute("set transaction read only")
        release = history.last_release_if_readable(run.connection)
        checked = privileges.check(run.connection, bootstrap, run.target, run.owner, release)
        if release is not None and release.target != run.target:
            raise DotbaseError(
                f"the database was migrated for target {release.target}, not {run.target}",
                f"run with --target {release.target}",
            )
        recorded = history.read_as_owner(run.connection)
        found = compare(
            run.steps,
            recorded,
            present(run.connection).objects,
            grants.table_fingerprints(run.connection),
            bootstrap=checked.bootstrap,
        )
    if confinement.will_be_needed(run.connection, run.owner):
        for step in found.versioned:
            if not step.transactional:
                statements.require_alone(step)
    return found, recorded, checked.notes


def compare(
    steps: Sequence[Step],
    recorded: History,
    existing: Collection[CatalogObject],
    access: Mapping[str, str],
    *,
    bootstrap: bool,
) -> Plan:
    """The rendered steps beside the history and what exists; `access` is the tables' fingerprints now."""
    check_keys(steps)
    check_versions(steps, recorded)
    found = Plan(
        bootstrap=next((step for step in steps if step.kind == "bootstrap" and bootstrap), None),
        unfinished=[version for version in recorded.applied if version.state == "started"],
        versioned=pending(steps, recorded),
        moved=moved(steps, recorded.repeatables),
        removed=removed(steps, recorded.repeatables),
        repeatables=due(steps, renamed(steps, recorded.repeatables), existing, access),
    )
    controls.require_plain([*found.versioned, *map(down, found.versioned)])
    controls.require_plain(one.step for one in found.repeatables if sources.is_sql(one.step.source))
    return found


def down(step: Step) -> Step:
    """The rollback of a version as a step."""
    return replace(
        step,
        key=rollback_key(step.key),
        source=step.rollback_source or step.source,
        sql=step.rollback_sql or "",
    )


def check_keys(steps: Sequence[Step]) -> None:
    """Refuse two steps under one name: the history could not tell them apart."""
    seen: set[str] = set()
    for step in steps:
        if step.key in seen:
            raise DotbaseError(f"two steps have the key {step.key}", "rename one of them")
        seen.add(step.key)


def check_versions(steps: Sequence[Step], recorded: History) -> None:
    """Refuse an applied file that was edited or is gone, and a new one that comes too late."""
    if any(key.partition("#")[0].endswith(".j2") for key in recorded.repeatables):
        raise DotbaseError(
            "the database was made by dotbase 0.1, and each app's versions of that time are one file since",
            "migrate a new database",
        )
    versioned = {step.version: step for step in steps if step.kind == "versioned"}
    for version in recorded.applied:
        step = versioned.get(version.version)
        if step is None:
            raise DotbaseError(
                f"version {version.version} is applied, but its file is gone",
                f"bring the file back, or roll back to before it: {way_back(recorded.applied, version)}",
                f"schema/{version.app}/{version.version.partition('.')[2]}.sql",
            )
        if version.state == "applied" and step.source_sha != version.source_sha:
            raise DotbaseError(
                f"version {version.version} was edited after it was applied",
                "bring its text back and make the change in a new version"
                f" (`dotbase new migration {version.app} NAME`)",
                step.place,
            )
    for step in pending(steps, recorded):
        if has_no_statement(step.rollback_sql or ""):
            raise empty_rollback(str(step.version))
        later = [
            version.version
            for version in recorded.applied
            if number(version.version) >= number(str(step.version))
        ]
        if later and str(step.version) not in recorded.versions:
            newest = max(later, key=number)
            raise DotbaseError(
                f"version {step.version} is new, but {newest} is already applied",
                f"renumber it to come after {newest.partition('.')[2]}",
                step.place,
            )


def rollback_key(key: str) -> str:
    """The key of a version's rollback."""
    return f"{key.removesuffix(sources.PLAIN)}{sources.ROLLBACK}{sources.PLAIN}"


def has_no_statement(text: str) -> bool:
    """Whether a rollback has no statement."""
    return not STATEMENT.search(COMMENT.sub("", text))


def empty_rollback(version: str) -> DotbaseError:
    """The refusal of a rollback without a statement."""
    app, _, name = version.partition(".")
    return DotbaseError(
        "takes nothing back",
        f"write what undoes {name}.sql, or `select 1;` if nothing is to be undone",
        rollback_key(f"schema/{app}/{name}.sql"),
    )


def way_back(applied: Sequence[RecordedVersion], gone: RecordedVersion) -> str:
    """The command that undoes a version, and what else it undoes."""
    at = applied.index(gone)
    names = ", ".join(recorded.version for recorded in applied[at + 1 :])
    which = f"--to {applied[at - 1].version}" if at else f"--steps {len(applied)}"
    return f"`dotbase rollback {which}` undoes {gone.version} " + (f"and also {names}" if names else "alone")


def pending(steps: Sequence[Step], recorded: History) -> list[Step]:
    """Versioned steps that are not applied, in order; an unfinished one is pending."""
    return [
        step
        for step in steps
        if step.kind == "versioned"
        and (step.version not in recorded.versions or recorded.versions[str(step.version)].state == "started")
    ]


def removed(steps: Sequence[Step], recorded: Mapping[str, RecordedRepeatable]) -> list[RecordedRepeatable]:
    """Recorded steps that no longer exist and did not only move, last first."""
    keys = {step.key for step in steps} | {gone.key for gone, _ in moved(steps, recorded)}
    gone = [found for found in recorded.values() if found.key not in keys]
    return sorted(gone, key=lambda found: found.position, reverse=True)


def moved(
    steps: Sequence[Step], recorded: Mapping[str, RecordedRepeatable]
) -> list[tuple[RecordedRepeatable, Step]]:
    """Recorded steps whose file only has another name now."""
    keys = {step.key for step in steps}
    gone = {(found.app, found.sha): found for found in recorded.values() if found.key not in keys}
    return [
        (gone.pop((step.app, step.sha)), step)
        for step in steps
        if step.kind == "repeatable" and step.key not in recorded and (step.app, step.sha) in gone
    ]


def renamed(
    steps: Sequence[Step], recorded: Mapping[str, RecordedRepeatable]
) -> dict[str, RecordedRepeatable]:
    """The recorded steps under the keys that they have now."""
    names = {gone.key: step.key for gone, step in moved(steps, recorded)}
    return {names.get(key, key): found for key, found in recorded.items()}


def due(
    steps: Sequence[Step],
    recorded: Mapping[str, RecordedRepeatable],
    existing: Collection[CatalogObject],
    access: Mapping[str, str],
    again: Collection[str] = (),
) -> list[Due]:
    """Repeatable steps to apply, in order; grants and RPCs go with the routines of their app.

    again: keys of grants and RPCs whose routines were applied after them.
    """
    found: list[Due] = []
    repeatable = [step for step in steps if step.kind == "repeatable"]
    reasons = {step.key: _reason(step, recorded.get(step.key), existing, access) for step in repeatable}
    # Grants begin by taking all back: so does what an RPC that is no longer listed gave on its function.
    touched = {step.app for step in repeatable if step.key.endswith("#rpcs") and reasons[step.key]}
    for step in repeatable:
        reason = reasons[step.key]
        if reason is None and step.always_with_app and (step.app in touched or step.key in again):
            reason = "with its app"
        if reason is None:
            continue
        found.append(Due(step, reason))
        if makes_routines(step):
            touched.add(step.app)
    return found


def makes_routines(step: Step) -> bool:
    """Whether grants and RPCs have to follow this step."""
    return step.key.startswith("functions/") and step.key.endswith(sources.PLAIN)


def table_of(key: str) -> str | None:
    """`app.table` of the step of a table in policies/<app>.yaml."""
    found = re.fullmatch(r"policies/([^/]+)\.yaml#tables\.(\w+)", key)
    return f"{found[1]}.{found[2]}" if found else None


def _reason(
    step: Step,
    recorded: RecordedRepeatable | None,
    existing: Collection[CatalogObject],
    access: Mapping[str, str],
) -> Reason | None:
    if recorded is None:
        return "new"
    if recorded.sha != step.sha:
        return "changed"
    if not recorded.objects <= frozenset(existing):
        return "absent"
    table = table_of(step.key)
    if table is not None and recorded.access is not None and recorded.access != access.get(table):
        return "grants changed"
    return None
