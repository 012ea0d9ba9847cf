"""Rendering: the templates and declarations of a project as steps, and as one text of SQL."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from dotbase.errors import DotbaseError
from dotbase.render import sources
from dotbase.render.declarations import access_sql, cron, errors, lanes, policies, settings
from dotbase.render.documents import Document, load
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Renderer, Variables
from dotbase.render.versions import BOOTSTRAP, versioned_steps

NEEDS = re.compile(r"^-- needs: (.*)$", re.MULTILINE)
# Found by a path, a name could be that of somebody who may make a schema, and be run by the superuser.
CLOSED_PATH = "set search_path = pg_catalog, pg_temp;\n\n"
DECLARATIONS = ("errors.yaml", "settings.yaml", "lanes.yaml")
FIRST_TOPIC = "privileges"  # of core: defines revoke_public_execute, which ends every other file of routines


def render_steps(project: Project, variables: Variables) -> list[Step]:
    """Every step in the order in which it is applied: bootstrap, versions, then app by app what is
    re-applied when it changes, ending with the RPCs.
    """
    return list(_steps(project, variables))


def _steps(project: Project, variables: Variables) -> Iterator[Step]:
    _refuse_strays(project)
    renderer = Renderer(project, variables)
    bootstrap = sources.by_stem(project, project.root / "schema" / "core").get(BOOTSTRAP)
    if bootstrap is not None and "core" in project.apps:
        step = _file_step(project, "core", "bootstrap", bootstrap, renderer.render(bootstrap, "core"))
        yield replace(
            step,
            roles=tuple(project.roles),
            extensions=project.extensions,
            limits=project.client_limits,
        )
    yield from versioned_steps(project, renderer)
    all_errors, schedules, all_lanes = errors.AllErrors(), cron.Schedules(project.zone), lanes.AllLanes()
    rpcs: dict[tuple[str, str], str] = {}
    for app in project.apps:
        for path in _topics(project, app):
            text = renderer.render(path, app) + f"\nselect core.revoke_public_execute('{app}');\n"
            yield _file_step(project, app, "repeatable", path, text)
        yield from _declared(project, app, f"functions/{app}/errors.yaml", all_errors.sql)
        yield from _declared(project, app, f"functions/{app}/settings.yaml", settings.sql)
        yield from _policies(project, app, variables, renderer.own_rows())
        yield from _needing(project, app, f"cron/{app}.yaml", "jobs", schedules.sql)
        yield from _needing(project, app, f"functions/{app}/lanes.yaml", "outbox", all_lanes.sql)
        yield from _rpcs(project, app, variables, rpcs)


def _refuse_strays(project: Project) -> None:
    """Files of an app that apps.yaml does not name would never be applied, without a word."""
    found = [p for layer in ("schema", "functions") for p in (project.root / layer).glob("*/")]
    found += [p for layer in ("policies", "cron") for p in (project.root / layer).glob("*.y*ml")]
    for path in sorted(found):
        if path.is_dir() and not any(path.iterdir()):
            continue
        if path.stem not in project.apps or path.suffix == ".yml":
            raise DotbaseError(
                "it belongs to no app of apps.yaml",
                "add the app's row, or rename or delete it",
                project.relative(path),
            )
    for path in sorted((project.root / "functions").glob("*/*")):
        read = sources.is_sql(path) or path.name in DECLARATIONS
        _refuse_unread(project, path, read, "name it `topic.sql`, errors.yaml, settings.yaml or lanes.yaml")
    for path in sorted((project.root / "schema").glob("*/*")):
        # A name that is nearly a version's is refused where versions are read.
        _refuse_unread(project, path, sources.is_sql(path), "name it `NNNN_name.sql`")


def _refuse_unread(project: Project, path: Path, read: bool, remedy: str) -> None:
    """What nobody reads would be missed only later; what editors leave behind is nobody's mistake."""
    if path.name.startswith(".") or path.name.endswith("~") or (read and not path.is_dir()):
        return
    what, remedy = (
        ("folders are not read here", "move its files up, or it away")
        if path.is_dir()
        else ("the file's name is none that is read here", f"{remedy}, or move it away")
    )
    raise DotbaseError(what, remedy, project.relative(path))


def _file_step(project: Project, app: str, kind: str, path: Path, text: str) -> Step:
    return Step(
        key=sources.key(project, path),
        app=app,
        kind="bootstrap" if kind == "bootstrap" else "repeatable",
        source=path,
        line=1,
        sql=text,
        source_sha=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _topics(project: Project, app: str) -> list[Path]:
    """The files of routines, each after those that its `-- needs:` names, else by name."""
    files = sources.by_stem(project, project.root / "functions" / app)
    graph: dict[str, set[str]] = {}
    for topic, path in sorted(files.items()):
        text = sources.read(project, path)
        match = NEEDS.search(text)
        needed = set(match[1].replace(",", " ").split()) if match else set()
        for missing in sorted(needed - files.keys()):
            line = text[: match.start()].count("\n") + 1 if match else 1
            raise DotbaseError(
                f"it needs topic {missing}, which app {app} does not have",
                f"name a file of functions/{app}",
                f"{project.relative(path)}:{line}",
            )
        if app == "core" and topic != FIRST_TOPIC and FIRST_TOPIC in files:
            needed.add(FIRST_TOPIC)
        graph[topic] = needed
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = error.args[1]
        text = sources.read(project, files[circle[0]])
        line = text[: text.find("-- needs: ")].count("\n") + 1
        raise DotbaseError(
            f"the topics of app {app} need each other in a circle: {' → '.join(circle)}",
            "take one of them out of `-- needs:`",
            f"{project.relative(files[circle[0]])}:{line}",
        ) from None
    ordered: list[Path] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += [files[topic] for topic in ready]
        sorter.done(*ready)
    return ordered


def _declared(project: Project, app: str, name: str, sql: Callable[[str, Document], str]) -> Iterator[Step]:
    path = project.root / name
    if path.is_file():
        document = load(path, project.root)
        yield _yaml_step(document, app, name, sql(app, document), 1)


def _needing(
    project: Project, app: str, name: str, runtime: str, sql: Callable[[str, Document], str]
) -> Iterator[Step]:
    """A declaration that another app's tables take, which are there before this one's."""
    if (project.root / name).is_file() and runtime not in project.apps[: project.apps.index(app) + 1]:
        what = {"jobs": "schedules, but does not need the app that runs them"}.get(
            runtime, "lanes, but does not need the app that sends by them"
        )
        raise DotbaseError(
            f"app {app} has {what}",
            f"add {runtime} to its `needs` in apps.yaml, or delete the file",
            name,
        )
    yield from _declared(project, app, name, sql)


def _yaml_step(document: Document, app: str, key: str, text: str, line: int, *, always: bool = False) -> Step:
    return Step(
        key=key,
        app=app,
        kind="repeatable",
        source=document.path,
        line=line,
        sql=text,
        source_sha=hashlib.sha256(document.path.read_bytes()).hexdigest(),
        always_with_app=always,
    )


def _policies(project: Project, app: str, variables: Variables, own_rows: str) -> Iterator[Step]:
    one = policies.of_app(project, app)
    declared, document = one.policies, one.document
    name = document.name
    for table, rights in declared.tables.items():
        text = access_sql.table_sql(app, table, rights, variables, own_rows)
        yield _yaml_step(document, app, f"{name}#tables.{table}", text, document.line("tables", table))
    text = access_sql.grants_sql(app, declared, variables)
    yield _yaml_step(document, app, f"{name}#grants", text, document.line("functions"), always=True)


def _rpcs(
    project: Project, app: str, variables: Variables, taken: dict[tuple[str, str], str]
) -> Iterator[Step]:
    one = policies.of_app(project, app)
    declared, document = one.policies, one.document
    # Schema api is shared: what each app exposes there has a name of its own.
    for section, kind in (("rpcs", "RPC"), ("views", "view")):
        for name in getattr(declared, section):
            where = document.where(section, name)
            first = taken.setdefault((kind, name), where)
            if first != where:
                raise DotbaseError(
                    f"{kind} {name} is declared already, at {first}",
                    f"rename one of the two; a general noun carries its app's, as in my_{app}_{name}",
                    where,
                )
    text = access_sql.rpcs_sql(app, declared, variables)
    yield _yaml_step(document, app, f"{document.name}#rpcs", text, document.line("rpcs"), always=True)


def render_text(project: Project, variables: Variables, steps: list[Step]) -> str:
    """The whole database as one text for psql: `psql -v ON_ERROR_STOP=1 -1 -f …`."""
    return "\n".join(text for _, text in render_files(project, variables, steps))


def render_files(project: Project, variables: Variables, steps: list[Step]) -> list[tuple[str, str]]:
    """The same text cut at its steps: (name of a file, text), to be run in order in one session."""
    files: list[tuple[str, str]] = []
    acting = False
    for number, step in enumerate(steps, start=1):
        head = f"-- Source: {step.key}\n"
        if step.kind != "bootstrap" and not acting:
            acting = True
            head = _preamble(variables) + head
        if not files:
            head = CLOSED_PATH + head
        name = re.sub(r"[^a-z0-9]+", "_", sources.stem(step.key.lower())).strip("_")
        files.append((f"{number:04}_{name}.sql", head + step.sql))
    return files


def _preamble(variables: Variables) -> str:
    """From here on as the owner; bodies are checked by lint, not in the order in which they appear."""
    act = f"set role {variables.owner};\n\n" if variables.target == "postgres" else ""
    return f"{act}set check_function_bodies = off;\n\n"
