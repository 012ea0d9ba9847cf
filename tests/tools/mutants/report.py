"""docs/mutants.md: what was drawn, what died of which test, what survived and why."""
from tests.tools.mutants.draw import Draw
from tests.tools.mutants.results import Results


def write(drawn: Draw, results: Results) -> None:
    """Later."""
