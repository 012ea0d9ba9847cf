"""`dotbase rollback`: undo the newest versions."""

from __future__ import annotations

import json
from contextlib import nullcontext

import click

from dotbase.commands.context import GlobalOptions
from dotbase.commands.migrate import patience_options
from dotbase.migrate import rollback
from dotbase.migrate.lock import Patience
from dotbase.migrate.prepare import Wanted, opened
from dotbase.migrate.report import Silent, on_screen
from dotbase.migrate.rollback import Undone
from dotbase.printable import plain


@click.command("rollback")
@click.option("--steps", type=click.IntRange(min=1), help="How many versions to undo. [default: 1]")
@click.option("--to", metavar="VERSION", help="Undo what came after this version, which stays.")
@patience_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    options: GlobalOptions,
    steps: int | None,
    to: str | None,
    lock_timeout: float,
    retries: int,
    wait: float,
    as_json: bool,
) -> None:
    """Undo versions, newest first, and put back the repeatable texts from before them."""
    if steps is not None and to is not None:
        raise click.UsageError("--steps and --to exclude each other")
    wanted = Wanted(patience=Patience(lock_timeout, retries, wait=wait))
    screen = nullcontext(Silent()) if as_json else on_screen()
    with screen as report, opened(options, wanted, report) as (run, _, _):
        undone = rollback.rollback(run, steps=steps, to=to)
    click.echo(_json(undone) if as_json else _sentence(undone))


def _sentence(undone: Undone) -> str:
    if not undone.versions:
        return "Nothing to do: no version was applied after that one."
    lines = [f"Undone: {', '.join(undone.versions)}; {undone.restored} repeatable steps put back."]
    if undone.left_out:
        lines.append(
            "Without an earlier text, and gone until the next migrate: " + ", ".join(undone.left_out) + "."
        )
    return "\n".join(map(plain, lines))


def _json(undone: Undone) -> str:
    return json.dumps(
        {"undone": undone.versions, "restored": undone.restored, "left_out": undone.left_out}, indent=2
    )
