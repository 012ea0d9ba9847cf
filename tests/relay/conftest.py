"""Fixtures of the relay's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.relay.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody outside who answers."""
    with receiving() as receiver:
        yield receiver
