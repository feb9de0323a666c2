"""Webcams on a real kernel, in a small virtual machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_testing.guest import run_in_guest

pytestmark = pytest.mark.long

LIMIT_S = 400


@pytest.mark.timeout(LIMIT_S + 30)
def test_with_a_real_driver(tmp_path: Path) -> None:
    """All tests of guest_webcams.py pass on a kernel with three vivid cameras."""
    inside = Path(__file__).parent / "guest_webcams.py"
    run_in_guest(inside, tmp_path, ("vivid=n_devs=3 multiplanar=1,1,2",), LIMIT_S)
