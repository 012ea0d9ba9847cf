"""What a freshly built database shows: declarations that do not hold, bodies that plpgsql_check refuses."""

from __future__ import annotations

from typing import Any

import psycopg

from dotbase.catalog.routines import check_bodies, count_in_plpgsql
from dotbase.errors import DotbaseError
from dotbase.lint import Section
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.verify.declarations import errors

Connection = psycopg.Connection[Any]


def check(connection: Connection, project: Project, variables: Variables) -> list[Section]:
    """Both sections; the declarations first, since checking bodies brings an extension."""
    return [declarations(connection, project, variables), routines(connection, project)]


def declarations(connection: Connection, project: Project, variables: Variables) -> Section:
    """Every declaration that `migrate` would refuse."""
    said = [error.sentence for error in errors(connection, project, variables)]
    return Section("declarations", f"{len(project.apps)} apps", said)


def routines(connection: Connection, project: Project) -> Section:
    """What plpgsql_check says of each routine, of trigger functions with each of their tables."""
    schemas = [*project.apps, "api", "auth"]
    try:
        connection.execute("create extension if not exists plpgsql_check")
    except psycopg.Error as error:
        raise DotbaseError(
            f"plpgsql_check cannot be used: {error.diag.message_primary}",
            "run `make setup`, then `dotbase db stop` and `dotbase db start`",
        ) from None
    section = Section("plpgsql_check", f"{count_in_plpgsql(connection, schemas)} routines")
    for found in check_bodies(connection, schemas):
        said = " ".join(text for text in (found.message, found.detail, found.hint) if text)
        section.findings.append(f"{found.routine}: line {found.line}: {found.level} {found.sqlstate} {said}")
    return section
