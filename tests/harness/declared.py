"""What the checkout declares, read once: apps, tables, views, RPCs, functions that a line names, jobs."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from dotbase.render.declarations import policies
from dotbase.render.project import Project
from tests.harness.server import ROOT

PROJECT = Project(ROOT)
APPS = PROJECT.apps
POLICIES = policies.of(PROJECT)
# app.table → whether a line lets somebody touch it.
TABLES = {
    f"{one.app}.{table}": bool(lines) for one in POLICIES for table, lines in one.policies.tables.items()
}
PRIVATE = tuple(table for table, has_lines in TABLES.items() if not has_lines)
VIEWS = tuple(view for one in POLICIES for view in one.policies.views)
# schema.view → whether somebody may read it: those in api, and the apps' own.
ALL_VIEWS = {
    f"{schema}.{view}": bool(roles)
    for one in POLICIES
    for _, schema, views in policies.view_sections(one.app, one.policies)
    for view, roles in views.items()
}
# What some line lets somebody read.
READABLE = tuple(name for name, has_lines in {**ALL_VIEWS, **TABLES}.items() if has_lines)
# RPC → the roles it is for; RPC → its app.
RPCS: Mapping[str, list[str]] = {
    name: rpc.roles for one in POLICIES for name, rpc in one.policies.rpcs.items()
}
APP_OF_RPC = {name: one.app for one in POLICIES for name in one.policies.rpcs}
# app → function that is called directly, not as an RPC → the roles it is for.
FUNCTIONS: Mapping[str, Mapping[str, list[str]]] = {one.app: one.policies.functions for one in POLICIES}


def jobs() -> list[str]:
    """The names of all jobs, app by app."""
    files = [ROOT / "cron" / f"{app}.yaml" for app in APPS]
    return [
        job for file in files if file.exists() for job in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def needing(app: str) -> list[str]:
    """The app, and the apps that stand on it, directly or not."""
    found = {app}
    # Each app comes after those that it needs.
    for other in APPS:
        if found & set(PROJECT.declared.apps[other].needs):
            found.add(other)
    return [other for other in APPS if other in found]
