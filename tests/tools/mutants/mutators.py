"""The kinds of mutants: the places of a rendered step where each applies, and what stands there after.

A mutant is one change that somebody could make by mistake and that says less, or something else, than before.
What says nothing (`not null` of a column of the primary key) is no place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.tools.mutants.masking import masked


class Change(NamedTuple):
    """One change of a text: what stands at `start`, and what instead."""

    start: int
    before: str
    after: str


Mutator = Callable[[str, str], Iterator[Change]]  # of a step's text, and the same with only its code

COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "=": "<>", "<>": "="}
CLAUSES = re.compile(
    r"\b(set|where|and|or|on|if|elsif|when|check|having|select|values|return|exit|while|declare|begin|then)\b"
)
CONDITIONS = {"where", "and", "or", "on", "if", "elsif", "when", "check", "having", "exit", "while"}
IN_A_POLICY = (
    "create policy",
    "alter table",
    "grant ",
    "select core.revoke_relation",
    "select core.drop_policies",
    "select core.deny_direct_access",
)


def _clause(code: str, place: int) -> str:
    """The word that a comparison at this place belongs to."""
    words = CLAUSES.findall(code, max(0, place - 600), place)
    return words[-1] if words else ""


def comparisons(text: str, code: str) -> Iterator[Change]:
    """`<` for `<=`, `=` for `<>`, and back."""
    for found in re.finditer(r"(?<= )(<=|>=|<>|<|>|=)(?=[ \n])", code):
        if _clause(code, found.start()) in CONDITIONS:
            yield Change(found.start(), found[0], COMPARISONS[found[0]])
    for found in re.finditer(r"\bis (not )?(null|distinct from)\b", code):
        after = f"is {found[2]}" if found[1] else f"is not {found[2]}"
        yield Change(found.start(), found[0], after)


def booleans(text: str, code: str) -> Iterator[Change]:
    """`and` for `or`, a `not` left out, an answer turned round."""
    for found in re.finditer(r"(?<=\s)(and|or)(?=\s)", code):
        before = code[max(0, found.start() - 60) : found.start()]
        if re.search(r"\bbetween [^\n]*$", before) or re.search(r"\bcreate $", before):
            continue
        yield Change(found.start(), found[0], "or" if found[0] == "and" else "and")
    for found in re.finditer(r"(?<=if )not (?=\w)|\bnot (?=in \(|between |exists |\()", code):
        yield Change(found.start(), found[0], "")
    for found in re.finditer(r"\breturn (true|false);", code):
        yield Change(found.start(), found[0], f"return {'false' if found[1] == 'true' else 'true'};")


def numbers(text: str, code: str) -> Iterator[Change]:
    """A constant one higher; in a condition, one lower too."""
    for found in re.finditer(r"(?<![\w.$%])\d+(?![\w.])", code):
        if re.search(r"\b(numeric|bit|varchar|char)\($", code[: found.start()][-10:]):
            continue
        yield Change(found.start(), found[0], str(int(found[0]) + 1))
        if int(found[0]) > 0 and _clause(code, found.start()) in CONDITIONS:
            yield Change(found.start(), found[0], str(int(found[0]) - 1))


def locks(text: str, code: str) -> Iterator[Change]:
    """A row or a round is no longer locked."""
    for found in re.finditer(r"\n +for (update|share|no key update)( of \w+)?(?=[;\n)])", code):
        yield Change(found.start(), found[0], "")
    for found in re.finditer(r"perform [\w.]*lock[\w.]*\([^;]*\);", code):
        yield Change(found.start(), text[found.start() : found.end()], "null;")


def checks(text: str, code: str) -> Iterator[Change]:
    """A function no longer asks who calls it."""
    for found in re.finditer(r"perform [\w.]*\brequire_\w+\([^;]*\);", code):
        yield Change(found.start(), text[found.start() : found.end()], "null;")
    for found in re.finditer(r":= core\.require_user\(\)", code):
        yield Change(found.start(), found[0], ":= auth.uid()")
    for found in re.finditer(r"\bcore\.require_administrator\(\)(?=[,)])", code):
        yield Change(found.start(), found[0], "core.caller_role()")


def refusals(text: str, code: str) -> Iterator[Change]:
    """An error is no longer raised."""
    for found in re.finditer(r"(perform core\.raise\(|raise exception )[^;]*;", code):
        yield Change(found.start(), text[found.start() : found.end()], "null;")


def conflicts(text: str, code: str) -> Iterator[Change]:
    """What was done before is no longer met with `do nothing`."""
    for found in re.finditer(r"\n +on conflict[^;]*? do nothing", code):
        yield Change(found.start(), found[0], "")


def constraints(text: str, code: str) -> Iterator[Change]:
    """A check that checks nothing, a reference or a key that is none, a column that may be null."""
    for found in re.finditer(r"\bconstraint \w+ ", code):
        rest = code[found.end() :]
        end = found.end() + _end_of_entry(rest)
        if rest.startswith(("check", "unique", "foreign key")):
            yield Change(found.end(), text[found.end() : end].rstrip(), "check (true)")
    for table in re.finditer(r"\bcreate table [^;]*;", code):
        keys = re.findall(r"primary key \(([^)]*)\)", table[0])
        key = {column.strip() for one in keys for column in one.split(",")}
        for found in re.finditer(r"\n +(\w+) [^,\n]*?( not null)", table[0]):
            if found[1] not in key:
                yield Change(table.start() + found.start(2), found[2], "")


def _end_of_entry(code: str) -> int:
    """Where a table's entry ends: its comma, or the table's own parenthesis."""
    depth = 0
    for place, letter in enumerate(code):
        if letter == "(":
            depth += 1
        if letter == ")":
            depth -= 1
        if depth < 0 or (letter == "," and depth == 0):
            return place
    return len(code)


def policies(text: str, code: str) -> Iterator[Change]:
    """Row-level security off or not forced, and a condition that is always true."""
    if not any(start in text for start in IN_A_POLICY):
        return
    for found in re.finditer(r"alter table [\w.]+ (enable|force) row level security;", code):
        weaker = {"enable": "disable", "force": "no force"}[found[1]]
        yield Change(found.start(), found[0], found[0].replace(f" {found[1]} ", f" {weaker} "))
    for found in re.finditer(r"select core\.deny_direct_access\([^;]*;", code):
        call = text[found.start() : found.end()]
        table = call.partition("'")[2].rpartition("'")[0]
        for weaker in (
            f"alter table {table} disable row level security;",
            f"alter table {table} no force row level security;",
            f"drop policy nobody on {table};\n\n"
            f"create policy nobody on {table}\nfor all to anon, authenticated\nusing (true);",
        ):
            yield Change(found.start(), call, f"{call}\n\n{weaker}")
    for found in re.finditer(r"(?<=\n)using \((?!true\)|false\)).*?\);", code, re.DOTALL):
        yield Change(found.start(), text[found.start() : found.end()], "using (true);")
    for found in re.finditer(r"security_invoker = true", code):
        yield Change(found.start(), found[0], "security_invoker = false")


def grants(text: str, code: str) -> Iterator[Change]:
    """A right for more columns, more commands, more people; one that is not taken back."""
    for found in re.finditer(r"grant select \([^)]*\) on", code):
        yield Change(found.start(), found[0], "grant select on")
    for found in re.finditer(r"grant select on", code):
        yield Change(found.start(), found[0], "grant select, insert, update, delete on")
    for found in re.finditer(r"grant (usage on schema|execute on routine) [\w.]+ to (\w+);", code):
        yield Change(found.start(), found[0], found[0].replace(f" to {found[2]};", " to public;"))
    for found in re.finditer(r"grant usage on schema", code):
        yield Change(found.start(), found[0], "grant usage, create on schema")
    for found in re.finditer(r"select core\.revoke_public_execute\([^;]*;", code):
        yield Change(found.start(), text[found.start() : found.end()], "select;")
    for found in re.finditer(r"(?<=\n)revoke [^;]*;", code):
        yield Change(found.start(), text[found.start() : found.end()], "select;")


def rpcs(text: str, code: str) -> Iterator[Change]:
    """An RPC that anybody may open."""
    if "core.build_wrappers(" in text:
        for found in re.finditer(r'": \[\n +("authenticated")', text):
            yield Change(found.start(1), found[1], f'"anon", {found[1]}')


def settings(text: str, code: str) -> Iterator[Change]:
    """A setting's bound one further out."""
    if "core.declare_settings(" in text:
        for found in re.finditer(r'"(minimum|maximum)": (\d+)', text):
            wider = int(found[2]) + (1 if found[1] == "maximum" else -1)
            yield Change(found.start(), found[0], f'"{found[1]}": {wider}')


MUTATORS: dict[str, Mutator] = {
    "policy": policies,
    "grant": grants,
    "rpc": rpcs,
    "definer check": checks,
    "refusal": refusals,
    "constraint": constraints,
    "setting": settings,
    "lock": locks,
    "conflict": conflicts,
    "comparison": comparisons,
    "boolean": booleans,
    "number": numbers,
}


def changes(text: str) -> Iterator[tuple[str, Change]]:
    """Every change of a step's text, with its kind."""
    code = masked(text)
    for kind, mutator in MUTATORS.items():
        for change in mutator(text, code):
            assert text.startswith(change.before, change.start), (kind, change)
            yield kind, change
