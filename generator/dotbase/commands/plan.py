"""`dotbase plan`: what `migrate` would do now."""

from __future__ import annotations

import json

import click

from dotbase.catalog import api
from dotbase.commands.migrate import NOTHING, variable_options
from dotbase.migrate import confinement, squawk
from dotbase.migrate.losses import Gone, Losses
from dotbase.migrate.plan import Plan, read_plan
from dotbase.migrate.planned_losses import planned_losses
from dotbase.migrate.run import Run, RunOptions, open_run
from dotbase.options import GlobalOptions
from dotbase.printable import comment, echo, json_lines, plain
from dotbase.reference.changes import Break, breaking
from dotbase.render.steps import Step
from dotbase.scratch import build_afresh

PENDING = 2
YES = "Rows go with `dotbase migrate --yes` only."


@click.command("plan")
@variable_options
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL that would run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    target: str | None,
    clock: str | None,
    master_key_file: str | None,
    as_sql: bool,
    as_json: bool,
) -> None:
    """Show what `migrate` would do, without doing it; exit code 0 nothing, 2 something."""
    options: GlobalOptions = ctx.obj
    with open_run(options, RunOptions(target, clock, master_key_file)) as (run, project, variables):
        found, recorded, notes = read_plan(run)
        with run.transaction():
            before = api.read(run.connection)
        breaks: list[Break] = []
        losses = Losses()
        if not found.empty:
            trial = build_afresh(options, project, variables, run.steps, api.read, found.versioned)
            notes += [trial.note] if trial.note else []
            breaks = breaking(before, trial.read) if trial.read is not None else []
            if recorded.applied and trial.read is not None:
                losses, uncounted = _losses(run, trial.gone, found)
                notes += uncounted
    warnings = squawk.warnings(found.versioned)
    if as_json:
        document = _json(found, warnings, breaks, notes) | losses.document
        echo(json_lines(json.dumps(document, indent=2)))
    elif as_sql:
        click.echo(_sql(found), nl=False)
    else:
        told = [*losses.lines, YES] if losses else losses.lines if losses.tables else []
        for line in (*_lines(found), *told, *(f"Note: {note}" for note in notes)):
            echo(plain(line))
        for warning in warnings:
            echo(plain(f"Warning: {warning}"))
        for one in breaks:
            echo(plain(f"Breaks clients: {one}"))
    ctx.exit(0 if found.empty else PENDING)


def _losses(run: Run, gone: Gone, found: Plan) -> tuple[Losses, list[str]]:
    """The rows that would go, counted in the live database, where nothing remains of it."""
    with run.transaction():
        run.as_owner()
        # A superuser counts within a function that is made for it and undone.
        if not confinement.is_needed(run.connection):
            run.connection.execute("set transaction read only")
        return planned_losses(run.connection, gone, found.versioned)


def _entries(found: Plan) -> list[tuple[str, str, Step | None]]:
    """What would be done, in order: the deed, what it is done to, the step."""
    unfinished = {recorded.version for recorded in found.unfinished}
    entries: list[tuple[str, str, Step | None]] = []
    if found.bootstrap:
        entries.append(("bootstrap", found.bootstrap.key, found.bootstrap))
    for step in found.versioned:
        if step.boundary:
            entries.append(("boundary", step.boundary, None))
        deed = "undo and apply" if step.version in unfinished else "apply"
        entries.append((deed, step.key + ("" if step.transactional else " (outside of a transaction)"), step))
    entries += [("rename", f"{gone.key} to {step.key}", None) for gone, step in found.moved]
    entries += [("remove", gone.key, None) for gone in found.removed]
    entries += [("apply", f"{due.step.key} ({due.reason})", due.step) for due in found.repeatables]
    return entries


def _lines(found: Plan) -> list[str]:
    if found.empty:
        return [NOTHING]
    return ["Migrate would, in this order:"] + [f"  {deed:<14} {what}" for deed, what, _ in _entries(found)]


def _sql(found: Plan) -> str:
    parts = []
    for deed, what, step in _entries(found):
        parts.append(comment(f"{deed}: {what}") + "\n")
        if step is not None:
            parts.append(step.sql.rstrip("\n") + "\n")
        parts.append("\n")
    return "".join(parts)


def _json(
    found: Plan, warnings: list[squawk.Danger], breaks: list[Break], notes: list[str]
) -> dict[str, object]:
    return {
        "pending": not found.empty,
        "bootstrap": found.bootstrap.key if found.bootstrap else None,
        "versions": [
            {
                "version": step.version,
                "file": step.key,
                "boundary": step.boundary,
                "transactional": step.transactional,
            }
            for step in found.versioned
        ],
        "unfinished": [recorded.version for recorded in found.unfinished],
        "renamed": [{"from": gone.key, "to": step.key} for gone, step in found.moved],
        "removed": [gone.key for gone in found.removed],
        "repeatables": [{"step": due.step.key, "reason": due.reason} for due in found.repeatables],
        "warnings": [
            {"file": found.file, "line": found.line, "rule": found.rule, "message": found.message}
            for found in warnings
        ],
        "breaking": [{"object": one.object, "what": one.what} for one in breaks],
        "notes": notes,
    }
