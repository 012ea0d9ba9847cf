"""`dotbase migrate`: bring the database to what the templates say."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import click

from dotbase.errors import DotbaseError
from dotbase.migrate.locks import LockOptions
from dotbase.migrate.migration import HaltedError, Outcome, migrate
from dotbase.migrate.plan import read_plan
from dotbase.migrate.report import Silent, on_screen
from dotbase.migrate.run import RunOptions, open_run
from dotbase.options import GlobalOptions
from dotbase.printable import echo, json_lines, plain
from dotbase.scratch import build_afresh

NOTHING = "Nothing to do: every template is applied. What was changed by hand: `dotbase drift`."


def variable_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the commands that render for a database."""
    for option in (
        click.option(
            "--master-key-file",
            help="Path on the server of the key that secrets are encrypted with. [default: as before]",
        ),
        click.option(
            "--clock",
            type=click.Choice(["real", "movable"]),
            help="movable only for tests and demos. [default: as before; new: real]",
        ),
        click.option(
            "--target",
            type=click.Choice(["postgres", "supabase"]),
            help="Kind of server. [default: as before, or what is found]",
        ),
    ):
        function = option(function)
    return function


def _a_number(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    """`nan` is within every range."""
    if math.isnan(value):
        raise click.BadParameter("it is no number.", ctx, parameter)
    return value


def lock_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the commands that wait for locks."""
    for option in (
        click.option(
            "--wait",
            type=click.FloatRange(min=0),
            default=60.0,
            show_default=True,
            callback=_a_number,
            help="Seconds to wait for another migration of the database to end.",
        ),
        click.option(
            "--retries",
            type=click.IntRange(min=0),
            default=8,
            show_default=True,
            help="How often to try again when a lock is not given.",
        ),
        click.option(
            "--lock-timeout",
            type=click.FloatRange(0.001, 86400),
            callback=_a_number,
            default=2.0,
            show_default=True,
            help="Seconds to wait for a lock, and to hold others up.",
        ),
    ):
        function = option(function)
    return function


@click.command("migrate")
@variable_options
@click.option("--yes", "confirmed", is_flag=True, help="Also when rows would go.")
@lock_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    options: GlobalOptions,
    target: str | None,
    clock: str | None,
    master_key_file: str | None,
    confirmed: bool,
    lock_timeout: float,
    retries: int,
    wait: float,
    as_json: bool,
) -> None:
    """Apply what is pending: under a lock, in one transaction, all or nothing."""
    run_options = RunOptions(target, clock, master_key_file, LockOptions(lock_timeout, retries, wait=wait))
    screen = nullcontext(Silent()) if as_json else on_screen()
    with screen as report, open_run(options, run_options, report) as (run, project, variables):
        try:
            found, recorded, _ = read_plan(run)
            notes: list[str] = []
            if recorded.applied and not found.empty:
                # Into an empty database the migration itself is the trial.
                report.say("Trying to build a fresh database from the files …")
                trial = build_afresh(options, project, variables, run.steps, lambda _: None)
                notes = [trial.note] if trial.note else []
            outcome = migrate(run, confirmed=confirmed)
        except HaltedError:
            raise
        except DotbaseError as error:
            raise DotbaseError(error.what, f"{error.remedy}. Nothing was changed", error.where) from None
    outcome.notes += notes
    echo(json_lines(_json(outcome)) if as_json else _sentence(outcome))


def _sentence(outcome: Outcome) -> str:
    lines = [plain(f"Note: {note}") for note in outcome.notes]
    if not outcome.changed:
        return "\n".join([*lines, NOTHING])
    counts = f"{len(outcome.versions)} versions, {outcome.repeatables} repeatable steps applied"
    if outcome.removed:
        counts += f", {outcome.removed} removed"
    return "\n".join([*lines, f"Migrated in {outcome.seconds:.1f} s: {counts}."])


def _json(outcome: Outcome) -> str:
    return json.dumps(
        {
            "changed": outcome.changed,
            "versions": outcome.versions,
            "repeatables": outcome.repeatables,
            "removed": outcome.removed,
            "seconds": round(outcome.seconds, 3),
            "notes": outcome.notes,
        },
        indent=2,
    )
