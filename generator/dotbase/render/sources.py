"""SQL files of a project: plain `.sql`, and `.sql.j2` templates for what differs by target or repeats."""

from __future__ import annotations

from pathlib import Path

from dotbase.errors import DotbaseError
from dotbase.render.project import Project

PLAIN = ".sql"
TEMPLATE = ".sql.j2"
ROLLBACK = ".rollback"


def is_sql(path: Path) -> bool:
    """Whether the file is one that is rendered."""
    return path.name.endswith((PLAIN, TEMPLATE))


def is_template(path: Path) -> bool:
    """Whether braces mean something in the file."""
    return path.name.endswith(TEMPLATE)


def stem(name: str) -> str:
    """A file's name without the ending that says how it is read."""
    return name.removesuffix(TEMPLATE).removesuffix(PLAIN)


def key(project: Project, path: Path) -> str:
    """What a file is known by in steps and history: the same whether it is plain or a template."""
    return project.relative(path).removesuffix(".j2")


def by_stem(project: Project, folder: Path) -> dict[str, Path]:
    """The SQL files of a folder by their stems; one that is there in both forms is refused."""
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.glob("*") if is_sql(path) and not path.is_dir()):
        first = found.setdefault(stem(path.name), path)
        if first != path:
            raise DotbaseError(
                f"the same file stands beside it as {first.name}", "keep one of them", project.relative(path)
            )
    return found


def read(project: Project, path: Path) -> str:
    """A file's own text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DotbaseError(
            f"the file is no UTF-8 ({error.reason} at byte {error.start})",
            "save it as UTF-8",
            f"{project.relative(path)}:1",
        ) from None
    except OSError as error:
        raise DotbaseError(
            f"the file cannot be read ({error.strerror})", "restore the file", f"{project.relative(path)}:1"
        ) from None
