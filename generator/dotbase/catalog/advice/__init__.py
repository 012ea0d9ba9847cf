"""The catalog as the rules of `dotbase advise` read it: a view a kind, each a CTE that a rule names or not.

The views are narrowed to the schemas that are looked at and leave out what extensions brought, except where
they say otherwise. What a rule does not name costs nothing: Postgres plans no CTE that nothing refers to.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

# In this order: a view names those before it.
KINDS = ("schemas", "relations", "constraints", "access", "routines")


@cache
def views() -> str:
    """All of them, as they stand after `with`.

    `:'schemas'`, `:'exposed'` and `:'registries'` in it are for the caller to fill in: arrays of names.
    """
    folder = resources.files(__name__)
    return ",\n\n".join(folder.joinpath(f"{kind}.sql").read_text(encoding="utf-8").strip() for kind in KINDS)
