"""`dotbase rollback`: undo the newest versions."""

from __future__ import annotations

import json
from contextlib import nullcontext

import click

from dotbase.commands.migrate import lock_options
from dotbase.migrate import rollback
from dotbase.migrate.locks import LockOptions
from dotbase.migrate.losses import Losses
from dotbase.migrate.report import Silent, on_screen
from dotbase.migrate.rollback import Undone
from dotbase.migrate.run import RunOptions, open_run
from dotbase.options import GlobalOptions
from dotbase.printable import echo, json_lines, plain

NOTHING = "Nothing to do: no version was applied after that one."


@click.command("rollback")
@click.option("--steps", type=click.IntRange(min=1), help="How many versions to undo. [default: 1]")
@click.option("--to", metavar="VERSION", help="Undo what came after this version, which stays.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what it would do, and the rows that would go.")
@click.option("--yes", "confirmed", is_flag=True, help="Also when rows or a whole app would go.")
@click.option(
    "--drop-broken", is_flag=True, help="Drop, until the next migrate, what no recorded text makes whole."
)
@lock_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    options: GlobalOptions,
    steps: int | None,
    to: str | None,
    only_plan: bool,
    confirmed: bool,
    drop_broken: bool,
    lock_timeout: float,
    retries: int,
    wait: float,
    as_json: bool,
) -> None:
    """Undo versions, newest first, and put back the repeatable texts from before them.

    When the same migrate also brought versions that stay, no text was ever in force between them: what came
    with it stays in force where it still applies, and stops the rollback where it does not.
    """
    if steps is not None and to is not None:
        raise click.UsageError("--steps and --to exclude each other")
    run_options = RunOptions(lock_options=LockOptions(lock_timeout, retries, wait=wait))
    screen = nullcontext(Silent()) if as_json else on_screen()
    with screen as report, open_run(options, run_options, report) as (run, _, _):
        if only_plan:
            undone, losses = rollback.dry_run(run, steps=steps, to=to)
        else:
            undone = rollback.rollback(run, steps=steps, to=to, confirmed=confirmed, drop_broken=drop_broken)
    if only_plan:
        echo(_json(undone, losses) if as_json else _plan(undone, losses, drop_broken))
    else:
        echo(_json(undone) if as_json else _sentence(undone))


def _sentence(undone: Undone) -> str:
    if not undone.versions:
        return NOTHING
    lines = [
        f"Undone: {', '.join(undone.versions)}; {undone.restored} repeatable steps put back, "
        f"{len(undone.kept)} kept that have no earlier text."
    ]
    lines += [f"All of app {app} is gone until the next migrate." for app in undone.apps]
    if undone.left_out:
        lines.append(
            "Without an earlier text, and gone until the next migrate: " + ", ".join(undone.left_out) + "."
        )
    lines += [
        f"Does not apply to the older schema, and is gone until the next migrate: {key} ({why})."
        for key, why in undone.refused.items()
    ]
    lines += [f"Note: {note}" for note in undone.notes]
    return "\n".join(map(plain, lines))


def _plan(undone: Undone, losses: Losses, drop_broken: bool) -> str:
    if not undone.versions:
        return NOTHING
    lines = ["Rollback would, in this order:"]
    lines += [f"  drop      all of app {app}" for app in undone.apps]
    lines += [f"  remove    {key} (without an earlier text)" for key in undone.left_out]
    lines += [f"  undo      {version}" for version in undone.versions]
    stops = {} if drop_broken else {k: v for k, v in undone.refused.items() if k not in undone.orphaned}
    lines += [
        f"  remove    {key} (does not apply: {why})"
        for key, why in undone.refused.items()
        if key not in stops
    ]
    lines += [f"  keep      {key}" for key in undone.kept]
    lines += [f"  put back  {undone.restored} repeatable steps"] if undone.restored else []
    if stops:
        lines += ["It would stop, unless --drop-broken drops these until the next migrate:"]
        lines += [f"  break     {key} ({why})" for key, why in stops.items()]
    return "\n".join(map(plain, [*lines, *losses.lines]))


def _json(undone: Undone, losses: Losses | None = None) -> str:
    document: dict[str, object] = {
        "undone": undone.versions,
        "restored": undone.restored,
        "kept": undone.kept,
        "left_out": undone.left_out,
        "refused": undone.refused,
        "apps": undone.apps,
        "notes": undone.notes,
    }
    whole = document | (losses.document if losses is not None else {})
    return json_lines(json.dumps(whole, indent=2))
