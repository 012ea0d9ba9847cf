"""`dotbase advise`: what the rules say of a live database."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click
import psycopg
from rich.console import Console

from dotbase.advise import declared, page, sarif, terminal
from dotbase.advise.declared import House
from dotbase.advise.rule import LEVELS, Finding, Level, by_number
from dotbase.advise.run import Advice, advise
from dotbase.advise.sources import Sources
from dotbase.catalog import schemas
from dotbase.catalog.server import is_extension_available
from dotbase.connection import close_path, connect, one_sentence, resolve_url
from dotbase.errors import DotbaseError
from dotbase.migrate.run import RunOptions, choose_variables
from dotbase.options import GlobalOptions
from dotbase.printable import echo, json_lines
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.scratch import scratch_database

FOUND = 3
WIDE = 160  # for files and CI


@click.command("advise")
@click.option(
    "--scratch",
    is_flag=True,
    help="Look at a database freshly built from the templates, as a plain PostgreSQL has it.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="warning",
    show_default=True,
    help="Findings below this level are not shown and do not count.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--sarif",
    "sarif_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write SARIF 2.1.0 for code hosts.",
)
@click.option(
    "--explain",
    is_flag=False,
    flag_value="all",
    metavar="[RULE]",
    help="Print one rule, or all, and look at nothing.",
)
@click.pass_context
def command(
    ctx: click.Context,
    scratch: bool,
    level: str,
    as_json: bool,
    sarif_file: Path | None,
    explain: str | None,
) -> None:
    """Say what experience has against a database; exit code 0 without findings, 3 with.

    Reads catalogs in a read-only transaction. What is left as it is stands in advise.yaml, with its reason.
    """
    if explain is not None:
        echo(_explained(explain), nl=False)
        return
    options: GlobalOptions = ctx.obj
    project = Project.find(options.project)
    house = declared.read(project)
    with one_sentence(), _database(options, project, scratch) as (connection, variables):
        _refuse_empty(connection, project)
        advice = advise(connection, house, variables, ours=scratch)
    sources = Sources(project)
    bar = LEVELS.index(cast(Level, level))
    shown = [finding for finding in advice.findings if LEVELS.index(finding.rule.level) <= bar]
    if sarif_file is not None:
        log = json.dumps(sarif.log(advice, sources), indent=2, ensure_ascii=False)
        _write(sarif_file, json_lines(log) + "\n")
    if as_json:
        echo(json_lines(json.dumps(_json(advice, shown, sources), indent=1, ensure_ascii=False)))
    else:
        terminal.show(advice, shown, sources, Console(width=None if sys.stdout.isatty() else WIDE))
    _refuse_stale(advice, house)
    ctx.exit(FOUND if shown else 0)


@contextmanager
def _database(
    options: GlobalOptions, project: Project, scratch: bool
) -> Iterator[tuple[psycopg.Connection[Any], Variables]]:
    """The database to look at, and what it was made with."""
    if not scratch:
        with connect(resolve_url(options), application_name="dotbase advise") as connection:
            yield connection, choose_variables(connection, options, RunOptions())
        return
    variables = Variables()
    with scratch_database(options, render_steps(project, variables), variables) as connection:
        # The server that dotbase starts brings it; without it, its rule is left out with a note.
        if is_extension_available(connection, "plpgsql_check"):
            connection.execute("create extension plpgsql_check with schema extensions")
        yield connection, variables


def _explained(number: str) -> str:
    if number == "all":
        return page.whole()
    rule = by_number().get(number.upper())
    if rule is None:
        raise DotbaseError(f"there is no rule {number}", "`dotbase advise --explain` prints all rules")
    return page.one(rule)


def _refuse_empty(connection: psycopg.Connection[Any], project: Project) -> None:
    """Nothing is found where nothing is: that is no good news."""
    with connection.transaction():
        close_path(connection)
        there = schemas.existing(connection, project.apps)
    if not there:
        name = connection.info.dbname
        raise DotbaseError(f"database {name} has no schema of an app", "run `dotbase migrate` there first")


def _refuse_stale(advice: Advice, house: House) -> None:
    """A suppression that matches nothing would hide the next finding of that name."""
    for key in advice.stale:
        raise DotbaseError(
            f"the suppression of `{key}` matches no finding", "delete it", house.where("suppress", key)
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DotbaseError(f"{path} cannot be written ({error.strerror})", "name another file") from None


def _json(advice: Advice, shown: list[Finding], sources: Sources) -> dict[str, object]:
    return {
        "rules": advice.rules,
        "findings": [_row(finding, sources) for finding in shown],
        "suppressed": [_row(finding, sources) | {"reason": reason} for finding, reason in advice.suppressed],
        "skipped": [{"rule": rule.number, "note": note} for rule, note in advice.skipped],
    }


def _row(finding: Finding, sources: Sources) -> dict[str, object]:
    place = sources.of(finding)
    return {
        "rule": finding.rule.number,
        "name": finding.rule.name,
        "level": finding.rule.level,
        "object": finding.object,
        "detail": finding.detail,
        "remedy": finding.rule.remedy,
        "key": finding.key,
        "place": str(place) if place else None,
    }
