"""`dotbase relay`: sends what the outbox holds, and reports what came of it."""

from __future__ import annotations

import os
import urllib.request

import click

from dotbase import cluster
from dotbase.connection import connect, one_sentence, resolve_url
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions

ROLE = "dotbase_relay"


@click.command("relay")
@click.option("--lane", "lanes", multiple=True, metavar="LANE", help="Only this lane; may be repeated.")
@click.option("--once", is_flag=True, help="End when nothing is due any more.")
@click.option("--name", help="What it is called in the database. [default: host:process:start]")
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    help="To the database, at most. [default: two a lane, and two]",
)
@click.option("--loopback-http", is_flag=True, help="For tests: http:// to an address of this machine.")
@click.option(
    "--environment-proxies", is_flag=True, help="Go by the proxies that HTTPS_PROXY and NO_PROXY name."
)
@click.option("--verbose", is_flag=True, help="A line for each attempt.")
@click.option("--json", "as_json", is_flag=True, help="Lines of JSON.")
@click.pass_obj
def command(
    options: GlobalOptions,
    lanes: tuple[str, ...],
    once: bool,
    name: str | None,
    connections: int | None,
    loopback_http: bool,
    environment_proxies: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Send what waits in the outbox over HTTP, until SIGTERM; what it does is told on stderr.

    Logs in as dotbase_relay, which may call the outbox's functions for relays and nothing else. The password
    belongs into DATABASE_URL or a password file: an option is seen by everybody on the machine.
    """
    try:
        from dotbase.relay import process
        from dotbase.relay.lines import Lines
    except ImportError as error:
        raise DotbaseError(
            f"the relay needs more than dotbase has brought ({error.name} is missing)",
            "install it with its extra: pip install 'dotbase[relay]'",
        ) from None
    proxies = process.checked_proxies(urllib.request.getproxies()) if environment_proxies else {}
    conninfo = _conninfo(options)
    with one_sentence(), connect(conninfo, application_name="dotbase relay") as connection:
        connection.execute("select from outbox.relay_lanes()")
    started = process.Options(
        conninfo=conninfo,
        lanes=lanes,
        once=once,
        name=(name or process.default_name())[:100],
        connections=connections,
        loopback_http=loopback_http,
        proxies=proxies,
    )
    process.run(started, Lines(as_json, verbose))


def _conninfo(options: GlobalOptions) -> str:
    """A server that was named, or the local cluster's, as the relay's own role."""
    if options.database_url or os.environ.get("DATABASE_URL"):
        return resolve_url(options)
    return cluster.local_url(options.cluster, user=ROLE, root=options.project)
