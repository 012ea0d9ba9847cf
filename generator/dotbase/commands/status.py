"""`dotbase status`: what is applied, when, by whom, from which commit, and what is pending."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import click
import psycopg

from dotbase.errors import DotbaseError
from dotbase.migrate import history
from dotbase.migrate.history import History
from dotbase.migrate.plan import Plan, read_plan
from dotbase.migrate.run import RunOptions, open_run
from dotbase.options import GlobalOptions
from dotbase.printable import echo, json_lines, plain


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(options: GlobalOptions, as_json: bool) -> None:
    """Show what is applied, when, by whom, from which commit, and what is pending."""
    with open_run(options, RunOptions()) as (run, _, _):
        try:
            found, recorded, notes = read_plan(run)
        except DotbaseError:
            # What is applied is told also where no plan can be made, to who may read it.
            if not as_json:
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege), run.transaction():
                    _print_applied(history.read_as_owner(run.connection))
            raise
    if as_json:
        echo(json_lines(json.dumps(_json(found, recorded, notes), indent=2)))
        return
    _print_applied(recorded)
    _print_pending(found)
    for note in notes:
        _say(f"Note: {note}")


def _print_applied(recorded: History) -> None:
    release = recorded.release
    if release is None:
        _say("Never migrated.")
    else:
        _say(
            f"Last {release.direction} {_moment(release.applied_at)} by {release.applied_by}, "
            f"commit {release.project_commit or 'unknown'}."
        )
        _say(
            f"Target {release.target}, clock {release.clock}, dotbase {release.tool_version}; "
            f"{len(recorded.repeatables)} repeatable steps in force."
        )
    width = max((len(version) for version in recorded.versions), default=0)
    for version in recorded.applied:
        _say(
            f"  {version.version:<{width}}  {version.state}  {_moment(version.applied_at)}"
            f"  {version.applied_by}  {(version.project_commit or 'unknown')[:12]}"
        )


def _print_pending(found: Plan) -> None:
    if found.empty:
        _say("Nothing is pending.")
        return
    _say(
        f"Pending: {len(found.versioned)} versions, {len(found.repeatables)} repeatable steps, "
        f"{len(found.removed)} to remove{', the bootstrap' if found.bootstrap else ''} (`dotbase plan`)."
    )
    for step in found.versioned:
        _say(f"  {step.version}")


def _say(line: str) -> None:
    """One line: what the history holds is text of whoever wrote them."""
    echo(plain(line))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _json(found: Plan, recorded: History, notes: list[str]) -> dict[str, object]:
    release = recorded.release
    return {
        "release": release
        and {
            "release_id": release.release_id,
            "direction": release.direction,
            "applied_at": release.applied_at.isoformat(),
            "applied_by": release.applied_by,
            "commit": release.project_commit,
            "tool_version": release.tool_version,
            "target": release.target,
            "clock": release.clock,
        },
        "applied": [
            {
                "version": version.version,
                "state": version.state,
                "applied_at": version.applied_at.isoformat(),
                "applied_by": version.applied_by,
                "commit": version.project_commit,
            }
            for version in recorded.applied
        ],
        "pending": {
            "bootstrap": found.bootstrap is not None,
            "versions": [step.version for step in found.versioned],
            "repeatables": [due.step.key for due in found.repeatables],
            "removed": [gone.key for gone in found.removed],
        },
        "notes": notes,
    }
