"""What a page names exists: the file behind a link, the path in backticks, the target of make."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs import pages
from tests.harness.server import ROOT

# Top folders: what begins with one of them is a path of the repository.
FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
MAKE = re.compile(r"^(?:cd \S+ && )?make ([a-z0-9-]+)")
DOTBASE = re.compile(r"^(?:\.venv/bin/)?dotbase( .*)?$")


def test_every_page_is_reached_from_the_readme() -> None:
    reached = {"README.md"}
    while True:
        found = {
            str(((ROOT / page).parent / target.partition("#")[0]).resolve().relative_to(ROOT))
            for page, target in pages.links()
            if page in reached and not target.startswith("#")
        }
        # A link to a folder reaches its pages: the decisions are listed by the folder itself.
        found |= {
            str(p.relative_to(ROOT)) for f in found if (ROOT / f).is_dir() for p in (ROOT / f).glob("*.md")
        }
        if found <= reached:
            break
        reached |= found
    assert set(pages.pages()) <= reached


@pytest.mark.parametrize(("page", "target"), sorted(set(pages.links())))
def test_a_link_leads_somewhere(page: str, target: str) -> None:
    name, _, anchor = target.partition("#")
    path = (ROOT / page).parent / name if name else ROOT / page
    assert path.exists(), f"{page} links to {target}"
    if anchor:
        assert anchor in pages.anchors(path), f"{page} links to {target}"


def test_a_path_in_backticks_exists() -> None:
    missing = []
    for page, span in pages.code_spans():
        path = re.split(r"[#:\s]", span)[0]
        # A placeholder (`<app>`, `NNNN`) stands for any name.
        pattern = re.sub(r"<[^>]+>|N{4}|\.\.\.|…", "*", path).rstrip("/")
        if (
            Path(path).parts
            and "/" in path
            and Path(path).parts[0] in FOLDERS
            and not any(ROOT.glob(pattern))
        ):
            missing.append(f"{page}: {span}")
    assert not missing


def test_an_example_of_the_conventions_is_a_name_that_is_there() -> None:
    page = "docs/conventions.md"
    table = pages.pages()[page].partition("| what | how | example |")[2].partition("\n\n")[0]
    examples = [name for row in table.splitlines() for name in pages.CODE.findall(row.rpartition(" | ")[2])]
    assert len(examples) > 20
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    grep = ["git", "grep", "--untracked", "-qwF"]
    missing = [
        name
        for name in examples
        if f"/{name}\n" not in files
        and subprocess.run([*grep, "-e", name, "--", ".", f":!{page}"], cwd=ROOT).returncode != 0
    ]
    assert not missing


def test_a_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [(page, m[1]) for page, span in pages.code_spans() if (m := MAKE.match(span))]
    named += [(c.page, m[1]) for c in pages.commands() if (m := MAKE.match(c.text))]
    assert named
    assert not [(page, target) for page, target in named if target not in targets]


def test_make_help_lists_every_target_that_a_person_types() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    documented = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert documented == set(re.findall(r"make ([a-z0-9-]+)", said))


def test_a_dotbase_command_that_a_page_names_exists_with_its_options() -> None:
    named = [(page, m[1] or "") for page, span in pages.code_spans() if (m := DOTBASE.match(span))]
    named += [(c.page, m[1] or "") for c in pages.commands() if (m := DOTBASE.match(c.text))]
    assert named
    wrong = [f"{page}: dotbase{words}" for page, words in named if not pages.command_exists(words.split())]
    assert not wrong
