"""The local server starts from whatever its last life left, and keeps to itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dotbase import cluster
from dotbase.cluster import layout, server
from dotbase.errors import DotbaseError
from tests.cluster.checkouts import connect, new_checkout, pid_of, run, started, value

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another OS user run the server")


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    with new_checkout() as checkout:
        cluster.start(root=checkout)
        with connect(checkout) as connection:
            connection.execute("create table kept (word text)")
            connection.execute("create role authenticator login")
        yield checkout


@pytest.fixture
def checkout(shared: Path) -> Path:
    """A checkout whose server runs."""
    cluster.start(root=shared)
    return shared


def test_everybody_proves_who_they_are(checkout: Path) -> None:
    with connect(checkout) as connection:
        methods = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
    assert sorted(methods) == [("peer",), ("scram-sha-256",)]
    assert connect(checkout, user="authenticator").info.user == "authenticator"
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(cluster.tcp_url(root=checkout))


def test_the_master_key_is_beside_the_data_and_only_the_server_reads_it(checkout: Path) -> None:
    key = cluster.master_key_file(root=checkout)
    assert len(bytes.fromhex(key.read_text().strip())) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.owner() == cluster.status(root=checkout).os_user
    assert value(checkout, f"select length(pg_read_file('{key}'))") == 65


def test_pg_cron_lives_in_the_database_dotbase(checkout: Path, pg_cron: None) -> None:
    assert value(checkout, "show cron.database_name") == "dotbase"
    query = "select count(*) from pg_stat_activity where application_name = 'pg_cron scheduler'"
    assert value(checkout, query) == 1


def test_two_starts_at_once_are_one_server(checkout: Path) -> None:
    cluster.stop(root=checkout)
    both = [started(checkout, "db", "start") for _ in range(2)]
    said = sorted(process.communicate(timeout=60)[0].splitlines()[-1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert "already runs" in said[0]
    assert "dev runs" in said[1]


def test_kill_9_loses_nothing_committed_and_the_next_start_says_so(checkout: Path) -> None:
    with connect(checkout) as connection:
        connection.execute("insert into kept values ('before the kill')")
        os.kill(pid_of(checkout), signal.SIGKILL)
    again = cluster.start(root=checkout)
    assert again.notes == [server.RECOVERED]
    assert value(checkout, "select count(*) from kept where word = 'before the kill'") == 1
    assert cluster.start(root=checkout).notes == []


def test_a_busy_session_that_outlived_a_killed_server_does_not_block_the_next(checkout: Path) -> None:
    url = cluster.local_url(root=checkout)
    busy = subprocess.Popen(
        ["psql", url, "-c", "select count(*) from generate_series(1, 1e12)"], stderr=subprocess.DEVNULL
    )
    running = "select count(*) from pg_stat_activity where query like '%%1e12)' and state = 'active'"
    while not value(checkout, running.replace("%%", "%")):
        assert busy.poll() is None
    os.kill(pid_of(checkout), signal.SIGKILL)
    assert cluster.start(root=checkout).notes == [server.RECOVERED]
    assert busy.wait(timeout=10) != 0


def test_after_a_reboot_the_old_process_number_may_be_somebody_elses(checkout: Path) -> None:
    found = cluster.status(root=checkout)
    lock_file = found.directory / "data" / "postmaster.pid"
    stale = lock_file.read_text().splitlines()
    os.kill(pid_of(checkout), signal.SIGKILL)
    owner = layout.locate("dev", checkout).account
    switch = {"user": owner.uid} if owner.switch else {}
    somebody = subprocess.Popen(["sleep", "60"], **switch)  # type: ignore[call-overload]
    try:
        stale[0] = str(somebody.pid)
        lock_file.write_text("\n".join(stale) + "\n")
        (found.directory / f".s.PGSQL.{found.port}.lock").write_text(f"{somebody.pid}\n")
        assert not cluster.status(root=checkout).running
        assert cluster.start(root=checkout).notes == [server.RECOVERED]
    finally:
        somebody.kill()
        somebody.wait()


def test_a_port_that_was_taken_meanwhile_is_left_to_its_taker(checkout: Path) -> None:
    port = cluster.status(root=checkout).port
    assert port is not None
    cluster.stop(root=checkout)
    with socket.create_server(("127.0.0.1", port)):
        again = cluster.start(root=checkout)
    assert again.port != port
    assert again.notes == [
        f"Port {port} is taken by another program; the server now listens on {again.port}."
    ]
    assert value(checkout, "show port") == str(again.port)


def test_a_dropped_database_is_made_again(checkout: Path) -> None:
    with connect(checkout, "postgres") as connection:
        connection.execute("create database other")
        connection.execute("drop database dotbase with (force)")
    cluster.start(root=checkout)
    assert value(checkout, "select count(*) from pg_database where datname in ('dotbase', 'other')") == 2
    with connect(checkout, "postgres") as connection:
        connection.execute("drop database other")
    with connect(checkout) as connection:
        connection.execute("create table kept (word text)")


def test_a_server_that_cannot_start_says_why_in_one_sentence(checkout: Path) -> None:
    cluster.stop(root=checkout)
    own = cluster.status(root=checkout).directory / "local.conf"
    own.write_text("shared_buffers = '1 elephant'\n")
    with pytest.raises(DotbaseError, match=r"cannot start: .*shared_buffers.*server\.log"):
        cluster.start(root=checkout)
    own.write_text("work_mem = '5MB'\n")
    cluster.start(root=checkout)
    assert value(checkout, "show work_mem") == "5MB"


def test_the_commands_tell_programs_by_exit_code_and_json(checkout: Path) -> None:
    told = run(checkout, "db", "status", "--json")
    assert told.returncode == 0
    assert json.loads(told.stdout)["port"] == cluster.status(root=checkout).port
    assert run(checkout, "db", "url").stdout.strip() == cluster.local_url(root=checkout)
    assert run(checkout, "db", "psql", "-Atc", "select current_database()").stdout == "dotbase\n"
    assert run(checkout, "db", "stop").returncode == 0
    assert run(checkout, "db", "stop").stdout == "Cluster dev did not run.\n"
    assert run(checkout, "db", "status").returncode == 3
    told = run(checkout, "db", "psql")
    assert (told.returncode, told.stderr) == (
        1,
        "dotbase: the local cluster dev does not run; start it with `dotbase db start`.\n",
    )


def test_two_checkouts_run_side_by_side_and_an_interrupted_first_start_is_finished(checkout: Path) -> None:
    with new_checkout() as other:
        place = layout.locate("dev", other)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dotbase.cluster.settings.INCLUDES", "\nelephants = on\n")  # fails after initdb
            with pytest.raises(DotbaseError, match="creating the database failed"):
                cluster.start(root=other)
        assert place.data.exists()
        first = cluster.start(root=other)
        assert first.notes == ["An earlier first start had been interrupted; the cluster was made anew."]
        assert first.port != cluster.status(root=checkout).port
        assert {value(one, "show data_directory") for one in (checkout, other)} == {
            str(one / ".dotbase/dev/data") for one in (checkout, other)
        }


def test_what_dotbase_did_not_make_is_neither_used_nor_removed() -> None:
    with new_checkout() as checkout:
        place = checkout / ".dotbase" / "dev"
        place.mkdir(parents=True)
        (place / "thesis.txt").write_text("the only copy")
        with pytest.raises(DotbaseError, match="in the way"):
            cluster.start(root=checkout)
        told = run(checkout, "db", "destroy", "--yes")
        assert told.returncode == 1
        assert "dotbase did not make" in told.stderr
        assert (place / "thesis.txt").read_text() == "the only copy"
        shutil.rmtree(place)  # by hand, as told


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where clusters go that cannot live in their checkout."""
    with new_checkout() as folder:
        monkeypatch.setattr(layout, "SYSTEM_BASE", folder / "lib" / "dotbase")
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "lib"))
        yield folder / "lib" / "dotbase"


def test_a_checkout_at_a_long_path_has_its_server_elsewhere(elsewhere: Path) -> None:
    with new_checkout() as folder:
        long = folder / ("한" * 20) / ("a" * 30)
        long.mkdir(parents=True)
        with new_checkout(below=long) as checkout:
            assert cluster.start(root=checkout).layout.directory.parent == elsewhere
            assert value(checkout, "select 1") == 1
            assert not (checkout / ".dotbase").exists()


@as_root
def test_a_checkout_that_the_server_cannot_read_has_its_server_elsewhere(elsewhere: Path) -> None:
    with new_checkout() as private:
        private.chmod(0o700)  # as /root is
        with new_checkout(below=private) as checkout:
            assert cluster.start(root=checkout).layout.directory.parent == elsewhere
            assert cluster.status(root=checkout).os_user == "postgres"
            assert value(checkout, "select 1") == 1
