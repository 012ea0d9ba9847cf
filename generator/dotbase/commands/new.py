"""`dotbase new`: the four places of a new app, or the next numbered migration with its rollback."""

from __future__ import annotations

import re
from pathlib import Path

import click

from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.printable import echo
from dotbase.render import versions
from dotbase.render.project import APPS_FILE, Project, refuse_reserved

NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}\Z")


@click.group("new")
def command() -> None:
    """Make the files of a new app or of a new migration."""


@command.command("app")
@click.argument("name")
@click.option("--about", default=None, help="What it is, one line.")
@click.pass_obj
def new_app(options: GlobalOptions, name: str, about: str | None) -> None:
    """Make an app: schema, functions, policies, cron, and its line in apps.yaml. It migrates as it is."""
    project = Project.find(options.project)
    _check(name, "an app")
    refuse_reserved(name)
    if about is not None and not " ".join(about.split()).isprintable():
        raise DotbaseError(
            "--about holds signs that cannot be printed", "write it in plain text, in one line"
        )
    if name in project.apps:
        raise DotbaseError(
            f"app {name} is there already", "choose another name", project.document.where("apps", name)
        )
    number = _next_number(project)
    files = _app_files(name, about or f"what {name} is", number, scheduled="jobs" in project.apps)
    for path in files:
        if (project.root / path).exists():
            raise DotbaseError("the file is there already", "move it away or choose another name", path)
    needs = "core, jobs" if "jobs" in project.apps else "core"
    line = f'  {name}: {{needs: [{needs}], about: "{_quoted(about or f"what {name} is")}"}}\n'
    apps = project.root / APPS_FILE
    text = apps.read_text(encoding="utf-8")
    # First: an app without its row would be refused from then on.
    _write(apps, text + ("" if text.endswith("\n") else "\n") + line)
    for path, content in files.items():
        _write(project.root / path, content)
    Project(project.root).apps  # noqa: B018  # the line can be read, or the user learns it now
    for path in (*files, APPS_FILE):
        echo(path)


@command.command("migration")
@click.argument("app")
@click.argument("name")
@click.pass_obj
def new_migration(options: GlobalOptions, app: str, name: str) -> None:
    """Make the next numbered file of APP's schema, with its rollback beside it."""
    project = Project.find(options.project)
    if app not in project.apps:
        raise DotbaseError(f"there is no app {app}", f"name one of {', '.join(project.apps)}")
    _check(name, "a migration")
    folder = project.root / "schema" / app
    number = _next_number(project)
    for path, content in {
        folder / f"{number:04}_{name}.sql": "-- What changes, and why.\n",
        folder / f"{number:04}_{name}.rollback.sql": "-- What takes it back.\n",
    }.items():
        _write(path, content)
        echo(project.relative(path))


def _next_number(project: Project) -> int:
    number = versions.next_number(project)
    if number > 9999:
        raise DotbaseError("the four digits of versions are used up", "fold old versions into one")
    return number


def _check(name: str, what: str) -> None:
    if not NAME.match(name):
        raise DotbaseError(
            f"`{name}` is no name for {what}",
            "use lower-case letters, digits and underscores, a letter first, at most 40",
        )


def _quoted(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')


def _literal(text: str) -> str:
    """The inside of a literal."""
    return " ".join(text.split()).replace("'", "''")


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise DotbaseError(f"{path} cannot be written ({error})", "check the folder's rights") from None


def _app_files(name: str, about: str, number: int, *, scheduled: bool) -> dict[str, str]:
    files = {
        f"schema/{name}/{number:04}_{name}.sql": (
            f"-- The tables of {name}. Write the first ones here before migrating: an applied file is frozen."
            "\n"
            f"create schema {name};\n\ncomment on schema {name} is '{_literal(about)}';\n"
        ),
        f"schema/{name}/{number:04}_{name}.rollback.sql": f"drop schema {name} cascade;\n",
        f"functions/{name}/errors.yaml": (
            f"# Refusals of {name}, as clients read them; a mapping by name:\n"
            "# something_not_found: {sqlstate: ZX001, status: 404, en: It is not there., ko: 없습니다.,\n"
            "#   hint: Look elsewhere., constraints: [something_fkey]}\n{}\n"
        ),
        f"functions/{name}/settings.yaml": (
            f"# Settings of {name}; a mapping by name:\n"
            "# spots: {type: integer, default: 20, minimum: 1, maximum: 500, about: How many there are.}\n"
            "{}\n"
        ),
        f"policies/{name}.yaml": (
            f"# Who may do what with {name}. What has no line is denied.\n"
            "# tables: {things: [{role: authenticated, command: select, rows: own}]}\n"
            "# rpcs: {make_thing: [authenticated]}\n"
            "tables: {}\nrpcs: {}\n"
        ),
    }
    if scheduled:
        files[f"cron/{name}.yaml"] = (
            f"# Schedules of {name}, in local time, each of a function of the app (docs/schedules.md):\n"
            '# sweep: {about: What it does., schedule: "0 3 * * *", function: sweep, time_limit: 60s}\n{}\n'
        )
    return files
