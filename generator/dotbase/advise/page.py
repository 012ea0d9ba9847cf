"""The rules as text: what `--explain` prints, and docs/advice.md."""

from __future__ import annotations

from dotbase.advise.rule import Rule, rules

GROUPS = {
    "0": "Who may do what",
    "1": "Routines",
    "2": "Tables",
    "3": "Indexes",
    "4": "What time does",
}
OPENING = """\
# Advice

`dotbase advise` looks at a live database and says what experience has against it: {count} rules over the
catalog, each a file of `generator/dotbase/advise/rules/` with its number, why and remedy. This page is what
`dotbase advise --explain` prints; `dotbase advise --explain DB001` prints one rule.

- It looks at the database that `--database-url` names, or at the local one; with `--scratch`, at one freshly
  built from the templates. It works in one read-only transaction with a closed search_path, reads catalogs
  alone, and runs nothing that it finds. DB107 is asked with `--scratch` only, and left out with a note on a
  live database: plpgsql_check plans bodies, planning runs the immutable functions that they call, with the
  rights of whoever asks, and there anybody may have made them.
- It looks at every schema but Postgres's own and those of extensions; on Supabase, at those that are not the
  platform's.
- Exit code 0 without findings, 3 with any of level `warning` or above; `--level` moves that bar, and what is
  below it is counted, not shown.
- `--json` prints one document, with an object a finding (name, level, object, detail, remedy, key);
  `--sarif FILE` writes SARIF 2.1.0 for code hosts, with the line of the template or YAML file that made it.
- What is left as it is stands in `advise.yaml` under `suppress:`, by the finding's key and with its reason:
  without a reason, or when it matches nothing any more, it is refused. Suppressed findings are counted and
  printed. `registries:` and `partitions:` there say what rules cannot know.
- Rules that read bodies (DB105, DB106, DB111) read text: dotbase qualifies every name, so that
  `insert into ledger.transfers` can only be that. What a body makes up and runs by `execute` they do not see.

Unused indexes and bloat are in no rule: they depend on traffic, not on how the house is built.
"""


def one(rule: Rule) -> str:
    """A rule as people read it."""
    needs = f" Needs {rule.needs}; left out with a note where that is not installed." if rule.needs else ""
    needs += " Asked of a scratch database only." if rule.only_ours else ""
    return (
        f"### {rule.number} {rule.name}\n\n"
        f"**{rule.level}** · {rule.title}.\n\n"
        f"{_sentence(rule.why)}{needs}\n\n"
        f"Remedy: {_sentence(rule.remedy)}\n"
    )


def whole() -> str:
    """All rules, by number."""
    parts = [OPENING.format(count=len(rules()))]
    group = ""
    for rule in rules():
        if rule.number[2] != group:
            group = rule.number[2]
            parts.append(f"## {GROUPS[group]}\n")
        parts.append(one(rule))
    return "\n".join(parts)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
