"""A site with keys, served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from camfan_testing.live import LiveBroker, serving
from camfan_testing.security import secure_site


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[LiveBroker]:
    """A broker with keys: cameras `one` and `two`; `anna` sees all of them, `lab` sees `one`."""
    with serving(secure_site(tmp_path, "one", "two").path) as live:
        yield live
