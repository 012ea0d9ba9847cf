"""Declared jobs against the database: their functions, what they require, their backlog queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import pq

from dotbase.catalog.routines import Routine
from dotbase.errors import DotbaseError
from dotbase.render.documents import Document, load
from dotbase.render.project import Project

# What jobs.call_routine hands to a job's function, by name, where it has them.
ARGUMENTS = {"slot timestamp with time zone", "batch_limit integer"}
NUMBERS = {20, 21, 23, 1700}  # bigint, smallint, integer, numeric
TIMESTAMPTZ = 1184

Routines = Mapping[tuple[str, str], list[Routine]]


def errors(
    connection: psycopg.Connection[Any], app: str, project: Project, routines: Routines
) -> Iterator[DotbaseError]:
    """What is wrong with an app's jobs. `routines`: by schema and name."""
    path = project.root / "cron" / f"{app}.yaml"
    if path.is_file():
        document = load(path, project.root)
        for name, job in document.data.items():
            yield from _function(document, name, app, job["function"], routines)
            yield from _settings(document, name, job, project)
            if job.get("backlog"):
                yield from _backlog(connection, document, name, job["backlog"]["query"])


def _function(
    document: Document, name: str, app: str, function: str, routines: Routines
) -> Iterator[DotbaseError]:
    overloads = routines.get((app, function), [])
    where = document.where(name, "function")
    if not overloads:
        yield DotbaseError(
            f"function {app}.{function} does not exist", "make it, rename the line, or delete it", where
        )
    elif len(overloads) > 1:
        yield DotbaseError(
            f"there are {len(overloads)} functions {app}.{function}",
            "give the job's function a name of its own",
            where,
        )
    elif not {*filter(None, overloads[0].arguments.split(", "))} <= ARGUMENTS:
        yield DotbaseError(
            f"{app}.{function}({overloads[0].arguments}) takes arguments that no job gives",
            "name a function that takes none, or of these: " + ", ".join(sorted(ARGUMENTS)),
            where,
        )
    elif overloads[0].result not in ("jsonb", "void"):
        yield DotbaseError(
            f"{app}.{function} returns {overloads[0].result or 'nothing, as procedures do'}",
            "a job's function returns jsonb: `processed`, the number of rows, and `more`",
            where,
        )


def _settings(
    document: Document, name: str, job: Mapping[str, Any], project: Project
) -> Iterator[DotbaseError]:
    required = job.get("requires", {}).get("settings", [])
    known = _declared_settings(project) if required else set()
    for number, setting in enumerate(required):
        if setting not in known:
            yield DotbaseError(
                f"no app has a setting {setting}, and without it job {name} would never run",
                "write app.setting, as in jobs.history_days, and declare it in functions/<app>/settings.yaml",
                document.where(name, "requires", "settings", number),
            )


def _declared_settings(project: Project) -> set[str]:
    paths = {app: project.root / "functions" / app / "settings.yaml" for app in project.apps}
    return {
        f"{app}.{name}"
        for app, path in paths.items()
        if path.is_file()
        for name in load(path, project.root).data
    }


def _backlog(
    connection: psycopg.Connection[Any], document: Document, name: str, query: str
) -> Iterator[DotbaseError]:
    """Parsed, not run: a count of a large table would take its time, under migrate's locks.

    Not planned either: that runs the functions of whoever made them, as whoever migrates.
    """
    where = document.where(name, "backlog", "query")
    try:
        with connection.transaction(force_rollback=True):
            # Where jobs.backlog looks for names.
            connection.execute("set local search_path = pg_catalog, pg_temp")
            types = _result_types(connection, f"select * from (\n{query}\n) as backlog")
    except psycopg.Error as error:
        yield DotbaseError(
            f"the backlog query of job {name} fails: {error.diag.message_primary}",
            "write one select, without a semicolon and with each table's schema",
            where,
        )
        return
    if len(types) != 2 or types[0] not in NUMBERS or types[1] != TIMESTAMPTZ:
        yield DotbaseError(
            f"the backlog query of job {name} does not give how many wait and since when the oldest does",
            "select a count and a timestamptz, as in `select count(*), min(made_at) from app.things`",
            where,
        )


def _result_types(connection: psycopg.Connection[Any], query: str) -> list[int]:
    """The types of a query's columns, as the server finds them when it parses."""
    with connection.lock:
        for result in (
            connection.pgconn.prepare(b"", query.encode()),
            connection.pgconn.describe_prepared(b""),
        ):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
    return [result.ftype(column) for column in range(result.nfields)]
