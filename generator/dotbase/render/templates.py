"""Templates: jinja2 with strict variables; what is wrong with one is said with file and line."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import jinja2
from jinja2 import nodes

from dotbase.errors import DotbaseError
from dotbase.render import sources
from dotbase.render.identifiers import dollar_quoted, literal, quoted
from dotbase.render.project import Project

Target = Literal["postgres", "supabase"]
TARGETS: tuple[Target, ...] = get_args(Target)
CLOCKS = ("real", "movable")
MACROS = Path(__file__).parent
# What an expression of a template can raise.
FAILURES = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class Variables:
    """What a rendering depends on.

    target:          what kind of server it is for.
    clock:           `real`, or `movable` in databases made for tests and demos.
    master_key_file: where the server reads the master key of core.secrets, if it has one.
    """

    target: Target = "postgres"
    clock: str = "real"
    master_key_file: Path | str | None = None

    @property
    def owner(self) -> str:
        """The role that owns everything."""
        return "dotbase_owner" if self.target == "postgres" else "postgres"

    @property
    def cron_role(self) -> str:
        """The role that pg_cron's lines run as."""
        return "dotbase_cron" if self.target == "postgres" else "postgres"


class Renderer:
    """Renders the templates of a project with one set of variables."""

    def __init__(self, project: Project, variables: Variables) -> None:
        self._project = project
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    jinja2.FileSystemLoader(project.root, encoding="utf-8-sig"),
                    jinja2.PrefixLoader({"dotbase": jinja2.FileSystemLoader(MACROS)}),
                ]
            ),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        macros: Any = self._environment.get_template("dotbase/macros.sql.j2").module
        self._context = {
            "target": variables.target,
            "clock": variables.clock,
            "owner": variables.owner,
            "cron_role": variables.cron_role,
            "zone": project.zone,
            "extensions": project.extensions,
            "roles": _attributes(project),
            "limits": project.client_limits,
            "memberships": [(name, member) for name, role in project.roles.items() for member in role.of],
            "master_key_file": str(variables.master_key_file) if variables.master_key_file else None,
            "quoted": quoted,
            "literal": literal,
            "dollar_quoted": dollar_quoted,
            "own_rows": macros.own_rows,
            "is_printable": macros.is_printable,
        }

    def own_rows(self) -> str:
        """The condition of `rows: own`."""
        return str(self._context["own_rows"]())

    def render(self, path: Path, app: str) -> str:
        """The text of a file, without blank lines at its ends, with one newline at its end."""
        if not sources.is_template(path):
            return sources.read(self._project, path).strip("\n") + "\n"
        name = self._project.relative(path)
        try:
            self._refuse_eaten_braces(path, name)
            text = self._environment.get_template(name).render(self._context, app=app)
        except jinja2.TemplateSyntaxError as error:
            raise DotbaseError(
                f"the template is broken: {error.message}",
                "fix that line",
                f"{error.name or name}:{error.lineno}",
            ) from None
        except jinja2.UndefinedError as error:
            known = ", ".join(sorted({*self._context, "app"}))
            raise DotbaseError(
                f"the template uses what it does not know: {error.message}",
                f"templates know {known}",
                self._place(error, name),
            ) from None
        except jinja2.TemplateNotFound as error:
            raise DotbaseError(
                f"template {error.name} is not there or cannot be read",
                "templates are named by their path in the project",
                self._place(error, name),
            ) from None
        except jinja2.TemplateError as error:
            raise DotbaseError(
                f"the template is broken: {error}", "fix it", self._place(error, name)
            ) from None
        except FAILURES as error:
            raise DotbaseError(
                f"the template fails: {error}", "fix that line", self._place(error, name)
            ) from None
        return text.strip("\n") + "\n"

    def _refuse_eaten_braces(self, path: Path, name: str) -> None:
        """Braces of SQL that Jinja would take away without a word: comments, and values written out."""
        text = sources.read(self._project, path)
        eaten = [
            (line, "{#") for line, kind, _ in self._environment.lex(text, name) if kind == "comment_begin"
        ]
        for output in self._environment.parse(text, name).find_all(nodes.Output):
            for node in output.nodes:
                if not isinstance(node, nodes.TemplateData) and _is_constant(node):
                    eaten.append((node.lineno, "{{"))
        for line, braces in sorted(eaten):
            raise DotbaseError(
                f"`{braces}` is Jinja's, which would take it out of the SQL",
                "put the text between `{% raw %}` and `{% endraw %}`; comments begin with `--`",
                f"{name}:{line}",
            )

    def _place(self, error: BaseException, name: str) -> str:
        """File and line of the innermost template in a traceback that jinja2 has rewritten."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            path = Path(frame.filename)
            if path.name.endswith(".j2") and path.is_relative_to(self._project.root):
                return f"{self._project.relative(path)}:{frame.lineno or 1}"
        return f"{name}:1"


def _attributes(project: Project) -> list[tuple[str, str]]:
    """The project's roles, each with the attributes that `create role` takes; none inherits by itself."""
    return [
        (name, "login noinherit" if role.login else "nologin noinherit")
        for name, role in project.roles.items()
    ]


def _is_constant(node: nodes.Expr) -> bool:
    """Whether an expression names nothing that a template knows."""
    try:
        node.as_const()
    except nodes.Impossible:
        return False
    return True
