"""The pages written for people, and what can be taken from them: links, paths, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from dotbase.cli import group
from tests.harness.server import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A file that the reader writes: its path in bold, and what is in it.
FILE = re.compile(r"^\*\*(\S+)\*\*\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One line of a fenced `sh` block; `said` is the comment behind it."""

    page: str
    line: int
    text: str
    said: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.text}"


@cache
def pages() -> dict[str, str]:
    """Text by path from the root: README.md and everything in docs/."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def links() -> Iterator[tuple[str, str]]:
    """(page, target) of every link that stays in the repository."""
    for page, text in pages().items():
        for target in LINK.findall(FENCE.sub("", text)):
            if "://" not in target:
                yield page, target


def code_spans() -> Iterator[tuple[str, str]]:
    """(page, text) of everything between single backticks."""
    for page, text in pages().items():
        for span in CODE.findall(FENCE.sub("", text)):
            yield page, span


def commands() -> Iterator[Command]:
    """Every line of every `sh` block, continued lines joined, and what writes each file of a page."""
    for page, text in pages().items():
        files = {match.start(2): match for match in FILE.finditer(text)}
        for block in FENCE.finditer(text):
            if file := files.get(block.start(2)):
                line = text[: block.start(2)].count("\n") + 1
                # The number of a version is the next of all apps: the file is there already.
                path = file[1].replace("NNNN", "[0-9]" * 4)
                write = f"mkdir -p $(dirname {file[1]})\ncat > {path} <<'END'\n{file[2]}END"
                yield Command(page, line, write, "")
            if block[1] not in ("sh", "bash", "console"):
                continue
            first = text[: block.start(2)].count("\n") + 1
            lines = block[2].replace("\\\n", "\0").split("\n")
            for number, line in enumerate(lines):
                before = "\n".join(lines[:number]).count("\0")
                command, _, comment = line.replace("\0", " ").partition(" #")
                if command.strip() and not command.startswith("#"):
                    yield Command(page, first + number + before, " ".join(command.split()), comment.strip())


def anchors(path: Path) -> set[str]:
    """The anchors that code hosts make of a page's headings."""
    headings = HEADING.findall(FENCE.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(page: str, language: str) -> list[str]:
    """The texts of a page's fenced blocks of this language."""
    return [block[2] for block in FENCE.finditer(pages()[page]) if block[1] == language]


def command_exists(words: list[str]) -> bool:
    """Follow the words down the groups of the command line; each option must be one of its command's."""
    command: click.Command = group
    context = click.Context(group)
    for word in words:
        if command.context_settings.get("ignore_unknown_options"):
            return True  # psql's own
        if word.startswith("-"):
            known = {name for c in (command, group) for p in c.params for name in p.opts}
            if word.partition("=")[0] not in known | {"--help", "-h"}:
                return False
        elif isinstance(command, click.Group):
            # `dotbase db start | stop`: alternatives; `dotbase render` in prose may be followed by anything.
            found = command.get_command(context, word)
            if found is not None:
                command = found
            elif word not in ("|", "…", "..."):
                options = [p for p in command.params if p.opts and not getattr(p, "is_flag", False)]
                if not options or not any(o in words for p in options for o in p.opts):
                    return False
    return True
