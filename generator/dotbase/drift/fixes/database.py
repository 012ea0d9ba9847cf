"""What fixes schemas, extensions, publications, and what belongs to the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dotbase.drift.fixes.parts import Change, Unsafe


def of_other_kind(change: Change) -> Iterator[str]:
    """Of the kinds that have no rules of their own: what is not declared is dropped by its identity."""
    if change.aspect:
        return
    if change.declared is None:
        yield f"drop {change.item.kind} {change.item.name}"
    elif change.item.kind == "statistics":
        yield change.declared.facts["definition"]
        yield f"alter statistics {change.item.name} owner to {change.declared.facts['owner']}"


def _schema(change: Change) -> Iterator[str]:
    if change.live:
        raise Unsafe("what lies in it would go with it: look, then drop it by hand")
    raise Unsafe("all that lay in it is lost: restore it from a backup")
    yield ""


def _extension(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    if declared is None:
        raise Unsafe("what hangs on it would go with it: look, then drop it by hand")
    if change.aspect == "version":
        yield f"alter extension {item.identifier} update"
    elif change.aspect == "schema":
        yield f"alter extension {item.identifier} set schema {change.wanted}"
    elif change.aspect == "owner":
        raise Unsafe("no statement gives an extension to somebody else")
    elif declared.create:
        yield declared.create


def _database(change: Change) -> Iterator[str]:
    if change.aspect == "owner":
        raise Unsafe("whose it is to be is for its operator to say: alter database … owner to that role")
    elif change.aspect == "connection limit":
        yield f"alter database {change.item.identifier} connection limit -1"
    elif change.aspect == "template":
        yield f"alter database {change.item.identifier} is_template false"


def _family(change: Change) -> Iterator[str]:
    raise Unsafe("it is dropped from its operator family by hand, and indexes that use it are made again")
    yield ""


def _publication(change: Change) -> Iterator[str]:
    name, wanted = change.item.identifier, change.wanted
    if not change.aspect:
        raise Unsafe(
            "subscribers may hang on it" if change.live else "its subscribers have to be set up again"
        )
    if change.aspect == "operations":
        yield f"alter publication {name} set (publish = '{wanted}')"
    elif change.aspect == "by way of the root":
        yield f"alter publication {name} set (publish_via_partition_root = {'true' if wanted else 'false'})"
    else:
        raise Unsafe("it has to be made again, and its subscribers set up again")


def _subscription(change: Change) -> Iterator[str]:
    if not change.aspect:
        raise Unsafe("a slot on its publisher hangs on it" if change.live else "it has to be set up again")
    yield from ()


def _published(change: Change) -> Iterator[str]:
    item, declared = change.item, change.declared
    word = "table only" if item.kind == "published table" else "tables in schema"
    if change.live:
        yield f"alter publication {item.identifier} drop {word} {item.create}"
    if declared:
        facts = declared.facts
        columns = f" ({facts['columns']})" if "columns" in facts else ""
        rows = f" where ({facts['rows']})" if "rows" in facts else ""
        yield f"alter publication {item.identifier} add {word} {item.create}{columns}{rows}"


def _role(change: Change) -> Iterator[str]:
    item, aspect = change.item, change.aspect
    if not aspect and change.declared:
        yield change.declared.create or f"create role {item.identifier}"
    elif aspect == "connection limit":
        yield f"alter role {item.identifier} connection limit {change.wanted or '-1'}"
    elif aspect == "valid until":
        yield f"alter role {item.identifier} valid until 'infinity'"
    elif aspect == "password" and not change.wanted:
        yield f"alter role {item.identifier} password null"
    elif change.declared and change.live:
        yield f"alter role {item.identifier} {'' if change.wanted else 'no'}{aspect}"


def _membership(change: Change) -> Iterator[str]:
    item = change.item
    if not change.aspect:
        verb, to = ("revoke", "from") if change.live else ("grant", "to")
        yield f"{verb} {item.identifier} {to} {item.on}"
    elif change.aspect == "admin":
        yield f"revoke admin option for {item.identifier} from {item.on}"
    else:
        value = {"yes": "false", "no": "true"}[change.found or "yes"]
        yield f"grant {item.identifier} to {item.on} with {change.aspect} {value}"


def _pg_cron(change: Change) -> Iterator[str]:
    if change.declared and change.declared.create:
        if change.aspect == "server":
            yield f"select cron.unschedule({change.item.identifier})"
        yield change.declared.create
    elif change.declared:
        raise Unsafe("its row in jobs.jobs was changed too: put that right, then run jobs.sync_pg_cron()")
    else:
        yield f"select cron.unschedule({change.item.identifier})"


FIXERS: dict[str, Callable[[Change], Iterator[str]]] = {
    "schema": _schema,
    "extension": _extension,
    "database": _database,
    "operator of a family": _family,
    "function of a family": _family,
    "publication": _publication,
    "subscription": _subscription,
    "published table": _published,
    "published schema": _published,
    "role": _role,
    "membership": _membership,
    "pg_cron line": _pg_cron,
}
