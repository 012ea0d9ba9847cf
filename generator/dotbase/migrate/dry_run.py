"""What a migration would be refused for, found out beforehand in a scratch database."""

from __future__ import annotations

from collections.abc import Sequence

from dotbase import cluster
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from dotbase.scratch import scratch_database
from dotbase.verify.declarations import verify


def declarations(
    options: GlobalOptions, project: Project, variables: Variables, steps: Sequence[Step]
) -> str | None:
    """Refuse what `migrate` would refuse, or say why that could not be found out."""
    try:
        cluster.start(options.cluster, options.project)
    except DotbaseError as error:
        return f"declarations are not checked beforehand, for want of a local server: {error.what}."
    with scratch_database(
        options, steps, variables, lambda connection: verify(connection, project, variables)
    ):
        return None
