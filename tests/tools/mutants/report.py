"""docs/mutants.md: what was drawn, what died of which test, what survived and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.harness.declared import APPS
from tests.harness.server import ROOT
from tests.tools.mutants.draw import Draw
from tests.tools.mutants.places import Mutant
from tests.tools.mutants.results import Results

PAGE = ROOT / "docs" / "mutants.md"
EXPLAINED = Path(__file__).with_name("explained.yaml")
DEAD = ("killed", "hung", "refused")
HEAD = """# Mutants

Would a test notice? `make mutants` weakens one policy, grant, check of the caller, constraint, lock or
comparison at a time, in a copy of the checkout with a server of its own, and runs the tests that concern
it: those of its app and of the apps that stand on it, the attacks, and for rights the access matrix. A
mutant is dead when a test fails; a trial ends at the first. In the end the tests that killed are run without
a mutant, and pass. Comparing texts or catalogs with the templates (drift, advice, lint) is not asked. One
that nothing notices survives, also when it changes nothing that could be noticed, or when the trial's seconds
are up.

Written by `make mutants`, not by hand. `MUTANTS_ARGS=--again` tries the survivors once more, `--anew` all
of them, `--draw` draws other places when the sources have changed.
"""


def write(drawn: Draw, results: Results) -> None:
    """The page, from the newest trial of each mutant."""
    PAGE.write_text("\n".join(_lines(drawn, results)) + "\n", encoding="utf-8")


def _lines(drawn: Draw, results: Results) -> Iterator[str]:
    explained: dict[int, str] = yaml.safe_load(EXPLAINED.read_text(encoding="utf-8")) or {}
    tried = {number: results.by_number[number] for number in sorted(results.by_number)}
    ends = {number: entry["outcome"] for number, entry in tried.items()}
    dead = sum(end in DEAD for end in ends.values())
    yield HEAD
    yield f"## {dead} of {len(ends)} die: {100 * dead / max(1, len(ends)):.1f} %\n"
    yield f"Drawn with seed {drawn.seed} from {sum(drawn.places.values())} eligible places,"
    yield "before any was run, kind after kind in turn: [drawn.jsonl](../tests/tools/mutants/drawn.jsonl)."
    yield f"{drawn.unparsed} more were drawn that no server takes: others of their kind came instead."
    if later := [app for app in APPS if app not in drawn.apps]:
        yield f"Without a place of {', '.join(later)}: `--draw` draws from all apps again."
    if len(ends) < len(drawn.mutants):
        yield f"{len(drawn.mutants) - len(ends)} of {len(drawn.mutants)} have not been tried."
    yield f"{results.first_survivors} survived a first trial; tests written since are among the killers."
    yield ""
    yield from _table("kind", drawn, ends, lambda mutant: mutant.kind, list(drawn.places), drawn.places)
    yield from _table("app", drawn, ends, lambda mutant: mutant.app, list(APPS), {})
    yield "## Survivors\n"
    for number, end in ends.items():
        if end not in DEAD:
            why = explained.get(number, "not explained yet.")
            yield f"- {number}. {_shown(drawn.mutants[number - 1])}: {why}"
    yield "\n## What each died of\n"
    yield "| | mutant | died of |"
    yield "|---|---|---|"
    for number, end in ends.items():
        if end in DEAD:
            shown, killer = _shown(drawn.mutants[number - 1]), _killer(tried[number])
            yield f"| {number} | {_cell(shown)} | {_cell(killer)} |"


def _table(
    head: str,
    drawn: Draw,
    ends: dict[int, str],
    of: Callable[[Mutant], str],
    names: list[str],
    places: dict[str, int],
) -> Iterator[str]:
    tried = Counter(of(drawn.mutants[number - 1]) for number in ends)
    died = Counter(of(drawn.mutants[number - 1]) for number, end in ends.items() if end in DEAD)
    eligible = " places |" if places else ""
    yield f"| {head} |{eligible} tried | died | share |"
    yield "|---|" + "---:|" * (4 if places else 3)
    for name in names:
        if tried[name]:
            count = f" {places[name]} |" if places else ""
            share = 100 * died[name] / tried[name]
            yield f"| {name} |{count} {tried[name]} | {died[name]} | {share:.0f} % |"
    yield ""


def _shown(mutant: Mutant) -> str:
    before, after = (" ".join(part.split()) for part in (mutant.before, mutant.after))
    routine = f" ({mutant.routine})" if mutant.routine else ""
    part = mutant.step.partition("#")[2]
    where = f"{mutant.file}#{part}" if part else f"{mutant.file}:{mutant.line}"
    return f"{where}{routine}: `{_short(before)}` → " + (f"`{_short(after)}`" if after else "nothing")


def _short(text: str) -> str:
    return text if len(text) <= 70 else text[:67] + "…"


def _killer(entry: dict[str, Any]) -> str:
    name = str(entry["by"]).removesuffix(" (setup)").removesuffix(" (teardown)")
    file, _, test = name.partition("::")
    how = {"hung": ", which ran out of time", "refused": ": the database cannot be made"}
    return f"`{file}` {test.partition('[')[0]}{how.get(entry['outcome'], '')}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
