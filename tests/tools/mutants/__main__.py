"""`make mutants`: draws once, runs what was not run yet, writes docs/mutants.md."""

from __future__ import annotations

import argparse
import queue
import threading
from dataclasses import asdict

from tests.harness.server import ROOT
from tests.tools.mutants import draw, report, trial
from tests.tools.mutants.places import Mutant
from tests.tools.mutants.results import Results

RESULTS = ROOT / ".dotbase" / "mutants" / "results.jsonl"
HALF_AN_HOUR = 1800


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutants", description=__doc__)
    parser.add_argument("--draw", action="store_true", help="draw anew (forgets all results) and stop")
    parser.add_argument("--again", action="store_true", help="run those that survived once more")
    parser.add_argument("--anew", action="store_true", help="forget all results and run all")
    parser.add_argument("--only", type=int, nargs="*", default=[], help="these numbers of the draw")
    parser.add_argument("--workers", default="ab", help="letters: one a trial at a time, on its own server")
    parser.add_argument("--report", action="store_true", help="only write the report")
    options = parser.parse_args()
    if options.draw or not draw.FILE.exists():
        draw.write(draw.make())
        RESULTS.unlink(missing_ok=True)
    drawn = draw.read()
    if options.draw:
        print(f"{len(drawn.mutants)} mutants drawn: {draw.FILE.relative_to(ROOT)}")
        return
    if options.anew:
        RESULTS.unlink(missing_ok=True)
    results = Results(RESULTS)
    if not options.report:
        todo = [
            number
            for number in range(1, len(drawn.mutants) + 1)
            if (number in options.only if options.only else results.to_do(number, options.again))
        ]
        _run_all(drawn.mutants, todo, results, options.workers)
        _prove(results, options.workers[0])
    report.write(drawn, results)


def _run_all(mutants: list[Mutant], todo: list[int], results: Results, workers: str) -> None:
    """Each worker has a copy of the checkout and a server in it."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in todo:
        waiting.put(number)

    def work(name: str) -> None:
        tree = trial.copy(ROOT, name)
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            mutant = mutants[number - 1]
            result = trial.run(tree, mutant, trial.files_for(tree, mutant))
            results.add(number, asdict(result))
            done = f"{result.outcome} {result.seconds:.0f} s"
            print(f"{number} {mutant.kind}: {mutant.name}: {done} {result.by}", flush=True)

    threads = [threading.Thread(target=work, args=(name,)) for name in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _prove(results: Results, worker: str) -> None:
    """A test that fails without a mutant, too, has killed none."""
    tree = trial.copy(ROOT, worker)
    result = trial.run(tree, None, results.killers(), HALF_AN_HOUR)
    if result.outcome != "survived" or result.seconds >= HALF_AN_HOUR:
        raise SystemExit(f"{result.by or 'A killer'} fails without a mutant: {result.said}")
    print(f"The {len(results.killers())} tests that killed pass without a mutant.")


if __name__ == "__main__":
    main()
