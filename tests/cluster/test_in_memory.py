"""A cluster whose data lie in memory: they go with it, and a reboot costs nothing but them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dotbase import cluster
from dotbase.cluster import layout, placement
from dotbase.errors import DotbaseError
from tests.cluster.checkouts import connect, new_checkout, value


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One that wants its clusters in memory, and has room for them."""
    monkeypatch.setenv(placement.WANTED, "1")
    monkeypatch.setattr(placement, "ROOM", 0)
    with new_checkout() as checkout:
        yield checkout


def test_data_in_memory_are_removed_with_their_cluster_and_made_anew_after_a_reboot(checkout: Path) -> None:
    place = cluster.start(root=checkout).layout
    data = place.data.resolve()
    assert data.parent == placement.MEMORY
    with connect(checkout) as connection:
        connection.execute("create table kept ()")
    assert cluster.start(root=checkout).was_running
    cluster.stop(root=checkout)
    assert cluster.start(root=checkout).notes == []
    assert value(checkout, "select to_regclass('kept')::text") == "kept"

    cluster.stop(root=checkout)
    shutil.rmtree(data)  # as a reboot does
    assert not cluster.status(root=checkout).running
    assert cluster.start(root=checkout).notes == [
        "The cluster lay in memory, which a reboot empties; it was made anew."
    ]
    assert value(checkout, "select to_regclass('kept')::text") is None

    cluster.destroy(root=checkout)
    assert not data.exists()
    assert not place.directory.exists()


def test_without_room_or_without_being_wanted_data_lie_beside_the_log(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = layout.locate("dev", checkout)
    place.directory.mkdir(parents=True)
    monkeypatch.setattr(placement, "ROOM", 1 << 60)
    placement.make(place)
    assert not place.data.is_symlink()
    monkeypatch.setattr(placement, "ROOM", 0)
    monkeypatch.delenv(placement.WANTED)
    placement.make(place)
    assert not place.data.is_symlink()
    shutil.rmtree(place.directory)


def test_what_a_removed_checkout_left_is_replaced_and_a_strangers_folder_is_not(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(placement, "MEMORY", tmp_path)
    place = layout.locate("dev", checkout)
    place.directory.mkdir(parents=True)
    placement.make(place)
    (place.data / "PG_VERSION").write_text("15\n")
    data = place.data.resolve()
    place.data.unlink()
    placement.make(place)
    assert list(data.iterdir()) == []

    place.data.unlink()
    stranger = replace(place, account=replace(place.account, uid=12345, switch=False))
    with pytest.raises(DotbaseError, match="in the way"):
        placement.make(stranger)
    assert data.exists()
    shutil.rmtree(place.directory)
