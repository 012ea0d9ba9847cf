"""The server's configuration: written anew at each start, with a file beside it for one's own."""

from __future__ import annotations

from collections.abc import Sequence

from dotbase.cluster.account import caller
from dotbase.cluster.layout import Layout

DATABASE = "dotbase"
INCLUDES = "\ninclude_if_exists = '../dotbase.conf'\ninclude_if_exists = '../local.conf'\n"

# Whom the server's and the caller's OS user may be in the database, over the socket. PostgreSQL 15
# has no "all" on this side, so that roles are named.
SOCKET_ROLES = (
    "postgres",
    "dotbase_owner",
    "dotbase_migrator",
    "dotbase_cron",
    "dotbase_relay",
    "authenticator",
    "supabase_admin",
)

CONFIGURATION = """\
# Written by `dotbase db start`. Settings of your own: local.conf beside this file.
listen_addresses = '{addresses}'
port = {port}
unix_socket_directories = '"{directory}"'
password_encryption = scram-sha-256

shared_preload_libraries = '{libraries}'
{cron}
max_connections = 200
shared_buffers = 512MB
max_wal_size = 4GB
max_locks_per_transaction = 256

timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
"""

CRON = """\
cron.database_name = '{database}'
cron.host = '{directory}'
cron.log_run = on
cron.log_statement = off
"""

ACCESS = """\
# Written by `dotbase db start`.
# TYPE  DATABASE     USER  ADDRESS       METHOD
local   all          all                 peer map=dotbase
local   replication  all                 peer map=dotbase
host    all          all   127.0.0.1/32  scram-sha-256
host    all          all   ::1/128       scram-sha-256
"""


def write(layout: Layout, port: int, addresses: list[str], libraries: Sequence[str]) -> None:
    """Configuration, access rules and the map of OS users to roles."""
    account = layout.account
    cron = CRON.format(directory=layout.directory, database=DATABASE) if "pg_cron" in libraries else ""
    configuration = CONFIGURATION.format(
        addresses=",".join(addresses),
        port=port,
        directory=layout.directory,
        # plpgsql before plpgsql_check, which hooks into it.
        libraries=",".join(sorted({*libraries, "plpgsql"})),
        cron=cron,
    )
    account.write(layout.directory / "dotbase.conf", configuration)
    if not (own := layout.directory / "local.conf").exists():
        account.write(own, "# Settings of your own for this server; dotbase leaves this file alone.\n")
    account.write(layout.data / "pg_hba.conf", ACCESS)
    lines = ["# Written by `dotbase db start`.", "# MAP    OS-USER  ROLE"]
    for os_user in sorted({account.name, caller()}):
        lines += [f'dotbase  "{os_user}"  {role}' for role in SOCKET_ROLES]
    account.write(layout.data / "pg_ident.conf", "\n".join(lines) + "\n")
