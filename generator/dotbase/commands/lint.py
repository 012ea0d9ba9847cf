"""`dotbase lint`: every linter runs, each says one line, any finding is exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import click

from dotbase.connection import one_sentence
from dotbase.errors import DotbaseError
from dotbase.lint import Section, database, python, sql
from dotbase.migrate import squawk
from dotbase.options import GlobalOptions
from dotbase.printable import echo, plain
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import TARGETS, Target, Variables
from dotbase.scratch import scratch_database

Linter = Callable[[], list[Section]]


@click.command("lint")
@click.pass_obj
def command(options: GlobalOptions) -> None:
    """Check rendered SQL, versioned DDL, declarations, every routine, and the project's Python.

    Routines and declarations are checked in a scratch database on the local cluster.
    """
    project = Project.find(options.project)
    steps = {target: render_steps(project, Variables(target)) for target in TARGETS}
    linters: dict[str, Linter] = {
        "sqlfluff": lambda: [sql.style(project, steps["postgres"], {"supabase": steps["supabase"]})],
        "squawk": lambda: [_danger(steps)],
        "raised errors": lambda: [sql.raised_errors(project, [*steps["postgres"], *steps["supabase"]])],
        "scratch database": lambda: _database(options, project, steps["postgres"]),
        "Python": lambda: python.check(project),
    }
    failed = False
    for section in _run(linters):
        failed |= bool(section.findings)
        _print(section)
    sys.exit(1 if failed else 0)


def _run(linters: dict[str, Linter]) -> Iterator[Section]:
    """Every linter's sections; one that cannot do its work is a finding and stops no other."""
    for name, linter in linters.items():
        try:
            with one_sentence():
                sections = linter()
        except DotbaseError as error:
            yield Section(name, "not looked at", [error.sentence])
        else:
            yield from sections


def _danger(steps: Mapping[Target, Sequence[Step]]) -> Section:
    """Versioned DDL that would lock the world or lose data, on either target."""
    if not squawk.installed():
        raise DotbaseError("squawk is not installed", "run `make setup`")
    found: dict[str, None] = {}
    versioned = {target: [s for s in every if s.kind == "versioned"] for target, every in steps.items()}
    for chosen in versioned.values():
        found |= dict.fromkeys(str(warning) for warning in squawk.warnings(chosen))
    return Section("squawk", f"{len(versioned['postgres'])} versions", list(found))


def _database(options: GlobalOptions, project: Project, steps: Sequence[Step]) -> list[Section]:
    variables = Variables()
    with scratch_database(options, steps, variables) as connection:
        return database.check(connection, project, variables)


def _print(section: Section) -> None:
    echo(f"{section.name}: {section.looked_at}: {section.verdict}")
    for finding in section.findings:
        echo(plain(f"  {finding}"))
