"""What fixes tables, columns, constraints, indexes, sequences and views."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dotbase.catalog.facts.items import Item
from dotbase.drift.fixes.parts import Change, Unsafe, comment_target, literal, made_again, set_or_drop_default

ROWS = "its rows would go with it: move them, then drop it by hand"
LOST = "its rows are lost: restore them from a backup"


def _table(change: Change) -> Iterator[str]:
    name, aspect, wanted = change.item.name, change.aspect, change.wanted
    if not aspect:
        raise Unsafe(ROWS if change.live else LOST)
    if aspect == "row-level security":
        yield f"alter table {name} {'enable' if wanted else 'disable'} row level security"
    elif aspect == "forced row-level security":
        yield f"alter table {name} {'force' if wanted else 'no force'} row level security"
    elif aspect == "checks of foreign keys" and not wanted:
        yield f"alter table {name} enable trigger all"
    elif aspect == "persistence":
        yield f"alter table {name} set {wanted or 'logged'}"
    elif aspect == "replica identity" and wanted != "index":
        yield f"alter table {name} replica identity {wanted or 'default'}"
    elif aspect.startswith("option "):
        yield _option(change)
    else:
        raise Unsafe("the table has to be made made_again, and its rows moved")


def _option(change: Change) -> str:
    name = change.aspect.removeprefix("option ")
    lead = f"alter {change.item.kind} {change.item.name}"
    return (
        f"{lead} reset ({name})"
        if change.wanted is None
        else f"{lead} set ({name} = {literal(change.wanted)})"
    )


def _column(change: Change) -> Iterator[str]:
    item, aspect, wanted = change.item, change.aspect, change.wanted
    lead = f"alter table {item.on} alter column {item.identifier}"
    if aspect == "name" and change.declared:
        yield f"alter table {item.on} rename column {item.identifier} to {change.declared.identifier}"
    elif not aspect and change.live:
        raise Unsafe("what people have in it would go with it: move it, then drop the column by hand")
    elif not aspect:
        raise Unsafe("what it held is lost: restore it from a backup")
    elif aspect == "not null":
        yield f"{lead} {'set' if wanted else 'drop'} not null"
    elif aspect == "default":
        yield f"{lead} {set_or_drop_default(wanted)}"
    elif aspect == "identity" and wanted and change.found:
        yield f"{lead} set generated {wanted}"
    elif aspect == "identity":
        raise Unsafe(
            "the sequence has to go on where the keys in the table end: that is for a person to choose"
        )
    elif aspect in ("type", "collation"):
        raise Unsafe("values may not survive the way back, and the whole table is rewritten under a lock")
    else:
        raise Unsafe("values that were computed or entered would be lost")


def _constraint(change: Change) -> Iterator[str]:
    item, aspect, declared = change.item, change.aspect, change.declared
    lead = f"alter table {item.on}"
    if declared is None:
        yield f"{lead} drop constraint {item.identifier}"
        return
    add = f"add constraint {declared.identifier} {_constraint_text(declared)}"
    if aspect == "name":
        yield f"{lead} rename constraint {item.identifier} to {declared.identifier}"
    elif aspect == "validated" and not change.wanted:
        yield f"{lead} validate constraint {item.identifier}"
    elif aspect == "deferrable" and declared.facts["definition"].startswith("FOREIGN KEY"):
        yield f"{lead} alter constraint {item.identifier} {change.wanted or 'not deferrable'}"
    elif aspect == "validated":
        raise Unsafe("it is validated, which says more than is declared")
    else:
        yield f"{lead} {f'drop constraint {item.identifier}, ' if aspect else ''}{add}"
        if "comment" in declared.facts:
            yield f"comment on {comment_target(item)} is {literal(declared.facts['comment'])}"


def _constraint_text(item: Item) -> str:
    parts = [item.facts["definition"], item.facts.get("deferrable"), item.facts.get("validated")]
    return " ".join(part for part in parts if part)


def _index(change: Change) -> Iterator[str]:
    item, aspect, declared = change.item, change.aspect, change.declared
    if aspect == "name" and declared:
        yield f"alter index {item.name} rename to {declared.identifier}"
    elif aspect == "valid":
        yield f"reindex index {item.name}"
    elif aspect == "clustered":
        yield f"alter table {item.on} " + (
            f"cluster on {item.identifier}" if change.wanted else "set without cluster"
        )
    else:
        if change.live:
            yield f"drop index {item.name}"
        if declared and declared.create:
            yield declared.create.replace(" ON ONLY ", " ON ")
            if "comment" in declared.facts:
                yield f"comment on index {item.name} is {literal(declared.facts['comment'])}"


def _sequence(change: Change) -> Iterator[str]:
    name, aspect, wanted = change.item.name, change.aspect, change.wanted
    words = {"start": "start", "increment": "increment", "cache": "cache", "type": "as"}
    if not aspect:
        raise Unsafe(
            "how far it had counted would be lost" if change.live else "how far it had counted is lost"
        )
    if aspect in ("minimum", "maximum"):
        yield f"alter sequence {name} {aspect[:3]}value {wanted}"
    elif aspect in words:
        yield f"alter sequence {name} {words[aspect]} {wanted}"
    elif aspect == "cycle":
        yield f"alter sequence {name} {wanted or 'no cycle'}"
    elif aspect == "owned by":
        yield f"alter sequence {name} owned by {wanted or 'none'}"


def _view(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    if change.aspect.startswith("option "):
        yield _option(change)
    elif declared is None:
        yield f"drop {item.kind} {item.name}"
    elif not change.aspect:
        yield from made_again(declared, _create)
    elif item.kind == "materialized view":
        raise Unsafe("it has to be dropped and made again with its indexes and grants")
    elif change.live and change.live.facts["_columns"] != declared.facts["_columns"]:
        raise Unsafe("its columns differ: it has to be dropped and made again, with all that reads from it")
    else:
        yield from _create(declared)


def _create(item: Item) -> Iterator[str]:
    options = [
        f"{aspect.removeprefix('option ')} = {literal(value)}"
        for aspect, value in sorted(item.facts.items())
        if aspect.startswith("option ")
    ]
    within = f" with ({', '.join(options)})" if options else ""
    word = "create or replace view" if item.kind == "view" else f"create {item.kind}"
    yield f"{word} {item.name}{within} as{item.facts['definition'].rstrip(';')}"


FIXERS: dict[str, Callable[[Change], Iterator[str]]] = {
    "table": _table,
    "foreign table": _table,
    "column": _column,
    "constraint": _constraint,
    "index": _index,
    "sequence": _sequence,
    "view": _view,
    "materialized view": _view,
}
