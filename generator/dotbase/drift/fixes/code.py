"""What fixes routines, policies, triggers, rules and types."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dotbase.catalog.facts.items import BUILT_IN, MEMBER, Item
from dotbase.drift.fixes.parts import ROUTINES, Change, Unsafe, literal, made_again

# How an attribute of a routine is told to `alter`, with a value and without.
ATTRIBUTES: dict[str, tuple[str, str]] = {
    "volatility": ("{}", ""),
    "security": ("{}", "security invoker"),
    "strict": ("strict", "called on null input"),
    "parallel": ("{}", "parallel unsafe"),
    "leakproof": ("leakproof", "not leakproof"),
    "cost": ("cost {}", ""),
    "rows": ("rows {}", ""),
    "support": ("support {}", ""),
}
MODES = {
    None: "enable {} {}",
    "disabled": "disable {} {}",
    "on replicas": "enable replica {} {}",
    "always": "enable always {} {}",
}


def _routine(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    if declared is None:
        yield f"drop routine {item.name}"
    elif change.aspect in ATTRIBUTES:
        yield _attribute(change)
    elif declared.create is None and (item.schema in BUILT_IN or MEMBER in declared.facts):
        raise Unsafe("it is the server's or an extension's: take it from a database that was not changed")
    elif declared.create is None:
        raise Unsafe("an aggregate is made again with `dotbase migrate`, from its file")
    elif not change.aspect:
        yield from made_again(declared, _create)
    elif any(item.facts.get(aspect) != declared.facts.get(aspect) for aspect in ("arguments", "returns")):
        raise Unsafe(
            "names, defaults or result differ: it has to be dropped, and made again by `dotbase migrate` with"
            " its grants and RPC"
        )
    else:
        yield from _create(declared)


def _attribute(change: Change) -> str:
    with_value, without = ATTRIBUTES[change.aspect]
    told = with_value.format(change.wanted) if change.wanted else without
    if not told:
        raise Unsafe("the routine has to be made again from its file")
    return f"alter {change.item.kind} {change.item.name} {told}"


def _create(item: Item) -> Iterator[str]:
    if item.create is not None:
        yield item.create.rstrip()


def _policy(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    if change.aspect == "name" and declared:
        yield f"alter policy {item.identifier} on {item.on} rename to {declared.identifier}"
        return
    if change.live:
        yield f"drop policy {item.identifier} on {item.on}"
    if declared:
        facts = declared.facts
        yield " ".join(
            part
            for part in (
                f"create policy {declared.identifier} on {declared.on}",
                f"as {facts['permissive']}" if "permissive" in facts else "",
                f"for {facts['command']} to {facts['roles']}",
                f"using ({facts['using']})" if "using" in facts else "",
                f"with check ({facts['with check']})" if "with check" in facts else "",
            )
            if part
        )
        yield from _comment(declared)


def _trigger(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    if change.aspect == "name" and declared:
        yield f"alter trigger {item.identifier} on {item.on} rename to {declared.identifier}"
        return
    yield from _trigger_or_rule("trigger", change)


def _rule(change: Change) -> Iterator[str]:
    yield from _trigger_or_rule("rule", change)


def _trigger_or_rule(word: str, change: Change) -> Iterator[str]:
    """Triggers and rules: switched, dropped, made again."""
    item, declared = change.item, change.declared
    if change.aspect == "enabled":
        yield f"alter table {item.on} {MODES[change.wanted].format(word, item.identifier)}"
        return
    if change.live:
        yield f"drop {word} {item.identifier} on {item.on}"
    if declared and declared.create:
        yield declared.create.rstrip(";")
        if "enabled" in declared.facts:
            yield f"alter table {item.on} {MODES[declared.facts['enabled']].format(word, item.identifier)}"
        yield from _comment(declared)


def _event_trigger(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    if change.aspect == "enabled":
        yield f"alter event trigger {item.identifier} {MODES[change.wanted].format('', '').strip()}"
        return
    if change.live:
        yield f"drop event trigger {item.identifier}"
    if declared:
        facts = declared.facts
        tags = ", ".join(literal(tag) for tag in facts.get("tags", "").split(", ") if tag)
        when = f" when tag in ({tags})" if tags else ""
        does = f"execute function {facts['function']}"
        yield f"create event trigger {item.identifier} on {facts['event']}{when} {does}"
        yield f"alter event trigger {item.identifier} owner to {facts['owner']}"
        if "enabled" in facts:
            yield f"alter event trigger {item.identifier} {MODES[facts['enabled']].format('', '').strip()}"
        if "comment" in facts:
            yield f"comment on event trigger {item.identifier} is {literal(facts['comment'])}"


def _comment(item: Item) -> Iterator[str]:
    if "comment" in item.facts:
        yield f"comment on {item.kind} {item.identifier} on {item.on} is {literal(item.facts['comment'])}"


def _type(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    if change.aspect:
        raise Unsafe("columns and routines are made of it: it changes by a version in schema/")
    if declared is None:
        yield f"drop type {item.name}"
    elif declared.create:
        yield from made_again(declared, _create)


FIXERS: dict[str, Callable[[Change], Iterator[str]]] = {
    **dict.fromkeys(ROUTINES, _routine),
    "policy": _policy,
    "trigger": _trigger,
    "rule": _rule,
    "event trigger": _event_trigger,
    "type": _type,
}
