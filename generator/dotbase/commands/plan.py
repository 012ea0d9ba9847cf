"""`dotbase plan`: what `migrate` would do now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import click

from dotbase import cluster
from dotbase.commands.migrate import NOTHING, variable_options
from dotbase.errors import DotbaseError
from dotbase.migrate import squawk
from dotbase.migrate.plan import Plan, read_plan
from dotbase.migrate.run import RunOptions, open_run
from dotbase.options import GlobalOptions
from dotbase.printable import comment, json_lines, plain
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from dotbase.scratch import scratch_database
from dotbase.verify.declarations import verify

PENDING = 2


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
        found, _, notes = read_plan(run)
    if not found.empty:
        unchecked = check_declarations(options, project, variables, run.steps)
        notes += [unchecked] if unchecked else []
    warnings = squawk.warnings(found.versioned)
    if as_json:
        click.echo(json_lines(json.dumps(_json(found, warnings, notes), indent=2)))
    elif as_sql:
        click.echo(_sql(found), nl=False)
    else:
        for line in (*_lines(found), *(f"Note: {note}" for note in notes)):
            click.echo(plain(line))
        for warning in warnings:
            click.echo(plain(f"Warning: {warning}"))
    ctx.exit(0 if found.empty else PENDING)


def check_declarations(
    options: GlobalOptions, project: Project, variables: Variables, steps: Sequence[Step]
) -> str | None:
    """Refuse what `migrate` would refuse, as a scratch database shows it; or say why that is not known."""
    try:
        cluster.start(options.cluster, options.project)
    except DotbaseError as error:
        return f"declarations are not checked beforehand, for want of a local server: {error.what}."
    if variables.master_key_file:
        variables = replace(variables, master_key_file=None)  # a scratch database has no secrets
        steps = render_steps(project, variables)
    with scratch_database(
        options, steps, variables, lambda connection: verify(connection, project, variables)
    ):
        return None


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


def _json(found: Plan, warnings: list[squawk.Danger], notes: list[str]) -> dict[str, object]:
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
        "notes": notes,
    }
