"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from camfan_testing.live import LiveBroker, live_broker

settings.register_profile("camfan", deadline=None)  # a timing is never an assertion
settings.load_profile("camfan")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveBroker]:
    """A broker for the cameras `one` and `two`."""
    with live_broker(tmp_path, "one", "two") as running:
        yield running
