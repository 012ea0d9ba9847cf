"""Small projects in a folder of their own, and the command line as a shell sees it."""

from __future__ import annotations

import shutil
import sys
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

from dotbase import cli
from dotbase.cluster import layout
from dotbase.cluster.layout import locate
from tests.harness.server import ROOT, named


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def shared_scratch() -> AbstractContextManager[object]:
    """Scratch databases come from the cluster that tests share, not from one of the project's own."""
    return patch.object(layout, "locate", lambda name, root=None: locate(name, ROOT))


def dotbase(project: Path, *arguments: str) -> Said:
    """Run the command line, with sentences and exit code as a shell gets them."""
    out, err = TextIOWrapper(BytesIO(), encoding="utf-8"), StringIO()
    words = ["dotbase", "--project", str(project), "--cluster", named("test"), *arguments]
    code: object = 0
    with (
        patch.object(sys, "argv", words),
        shared_scratch(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
    out.seek(0)
    return Said(code if isinstance(code, int) else 0, out.read(), err.getvalue())


def refused(project: Path, sentence: str, *arguments: str) -> None:
    """The command says this one sentence, begins it with the place, and exits with 1."""
    said = dotbase(project, *(arguments or ("render",)))
    assert (said.code, said.out, said.err) == (1, "", f"dotbase: {sentence}\n")


FILES = {
    "apps.yaml": 'zone: Asia/Seoul\napps:\n  shop: {needs: [], about: "a shop"}\n',
    "schema/shop/0001_shop.sql": "-- The shop.\ncreate schema shop;\n",
    "schema/shop/0001_shop.rollback.sql": "drop schema shop cascade;\n",
    "policies/shop.yaml": "tables: {}\nrpcs: {}\n",
}


def write(root: Path, name: str, text: str) -> Path:
    """A file of a project, its folders made."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def make(root: Path) -> Path:
    """A project of one app, without the core."""
    for name, text in FILES.items():
        write(root, name, text)
    return root


def with_core(root: Path) -> Path:
    """A project of the core alone, to add apps to: `new app` works in it."""
    for layer in ("schema", "functions"):
        shutil.copytree(ROOT / layer / "core", root / layer / "core")
    write(root, "policies/core.yaml", (ROOT / "policies/core.yaml").read_text(encoding="utf-8"))
    shutil.copy(ROOT / ".sqlfluff", root)
    write(root, "apps.yaml", 'zone: Asia/Seoul\napps:\n  core: {needs: [], about: "the core"}\n')
    return root
