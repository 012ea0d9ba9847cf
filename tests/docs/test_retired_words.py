"""Retired words: none of those that docs/conventions.md lists is left where it is retired."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest
import yaml

from tests.docs.pages import pages
from tests.harness.figures import count
from tests.harness.server import ROOT

PAGE = "docs/conventions.md"
PLACES = "tests/docs/retired_words.yaml"
ROW = re.compile(r"^\| (`[^|]+`) \| [^|]+ \|[^|]*\|$", re.MULTILINE)
# The page itself; what quotes the sources; what is generated, and would be drawn or written anew.
EXEMPT = (
    PAGE,
    PLACES,
    "tests/docs/test_retired_words.py",
    "docs/mutants.md",
    "docs/documents/",
    "demo/data/",
    "package-lock.json",
    "requirements.lock",
)
GENERATED = re.compile(r"\.(csv|png)$|drawn\.jsonl$")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Retired:
    """One word of the table, and the folders in which it is retired, or outside of which it is."""

    word: str
    names: bool = False
    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    def holds_in(self, path: str) -> bool:
        """Whether the word may not be in this file."""
        return (not self.inside or path.startswith(self.inside)) and not path.startswith(self.outside)

    @property
    def pattern(self) -> re.Pattern[str]:
        """Inside of names too, unless the word is a whole name itself."""
        if re.search(r"[_.]", self.word):
            return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(self.word)}(?![A-Za-z0-9_])")
        flags = 0 if self.word != self.word.lower() else re.IGNORECASE
        return re.compile(rf"(?<![A-Za-z0-9]){self.word}(?![A-Za-z0-9])", flags)


def retired() -> Iterator[Retired]:
    """Every word of the table, everywhere or where the other file says."""
    limited = {one.word: one for one in limits()}
    for words in ROW.findall(table()):
        for word in re.findall(r"`([^`]+)`", words):
            yield limited.get(word, Retired(word))


def table() -> str:
    """The table, from its head to the end of the page."""
    return pages()[PAGE].partition("| word | instead |")[2]


def limits() -> Iterator[Retired]:
    """The words that are not retired everywhere, with their places."""
    for entry in yaml.safe_load((ROOT / PLACES).read_text(encoding="utf-8")):
        words, names = entry.pop("words"), entry.pop("names", False)
        places = {key: tuple(paths) for key, paths in entry.items()}
        for word in words:
            yield Retired(word, names, **places)


@cache
def texts() -> dict[str, str]:
    """The files of the tree that people write, by path; also those that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = {}
    for path in listed:
        if path.startswith(EXEMPT) or GENERATED.search(path) or not (ROOT / path).is_file():
            continue
        found[path] = (ROOT / path).read_text(encoding="utf-8")
    return found


@cache
def lines(path: str) -> list[str]:
    """The file's own path and then its lines, the words of CamelCase apart."""
    return [path, *CAMEL.sub("_", texts()[path]).splitlines()]


@cache
def lowered(path: str) -> str:
    """All of that in lower case, names of CamelCase whole and apart: what has a word at all."""
    return "\n".join([texts()[path], *lines(path)]).lower()


@cache
def names(path: str) -> list[tuple[int, str]]:
    """Line and name of the module and of its functions and classes."""
    if not path.endswith(".py"):
        return []
    found = [(0, path.rpartition("/")[2].removesuffix(".py"))]
    for node in ast.walk(ast.parse(texts()[path])):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append((node.lineno, node.name))
    return found


WORDS = list(retired())


@pytest.mark.parametrize("one", WORDS, ids=lambda one: one.word)
def test_a_retired_word_is_not_left(one: Retired) -> None:
    count("retired words looked for")
    left = []
    for path in texts():
        if not one.holds_in(path) or one.word.lower() not in lowered(path):
            continue
        if one.names:
            left += [f"{path}:{line}: {name}" for line, name in names(path) if name.strip("_") == one.word]
        else:
            left += [
                f"{path}:{number}: {line.strip()[:120]}"
                for number, line in enumerate(lines(path))
                if one.pattern.search(line)
            ]
    assert not left, f"`{one.word}` is retired, {PAGE} says what is said now:\n" + "\n".join(left)


def test_every_row_of_the_table_is_read() -> None:
    rows = [line for line in table().splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROW.findall(table())) > 0


def test_a_word_with_places_of_its_own_is_in_the_table() -> None:
    limited = [one.word for one in limits()]
    assert limited
    assert len(limited) == len(set(limited))
    assert set(limited) <= {one.word for one in WORDS}
    assert all(one.names or one.inside or one.outside for one in limits())


def test_where_a_word_is_retired_or_right_exists() -> None:
    named = {path for one in WORDS for path in (*one.inside, *one.outside)}
    assert not [path for path in named if not any(text.startswith(path) for text in texts())]


@pytest.mark.parametrize(
    ("word", "line", "found"),
    [
        ("door", "the doors", False),
        ("door", "every door_name", True),
        ("door", "FrontDoor", True),
        ("door", "ADoor", True),
        ("Thing", "a thing", False),
        ("my_profile", "api.my_profile()", True),
        ("my_profile", "api.my_profiles", False),
    ],
)
def test_a_word_is_found_inside_of_names_and_a_name_as_a_whole(word: str, line: str, found: bool) -> None:
    one = Retired(word)
    assert bool(one.pattern.search(CAMEL.sub("_", line))) is found
