"""Webcams on a real kernel, in a small virtual machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from camfan_testing.guest import run_in_guest

pytestmark = pytest.mark.long

INSIDE = Path(__file__).parent / "guest_webcams.py"
NAMES = re.findall(r"^def (test_\w+)", INSIDE.read_text(), re.MULTILINE)
AT_ONCE = 3  # test functions in one run of the machine, which is ten times slower than this one
LIMIT_S = 600


@pytest.mark.timeout(LIMIT_S + 30)
@pytest.mark.parametrize("first", range(0, len(NAMES), AT_ONCE))
def test_with_a_real_driver(tmp_path: Path, first: int) -> None:
    """The tests of guest_webcams.py pass on a kernel with three vivid cameras."""
    modules = ("vivid=n_devs=3 multiplanar=1,1,2",)
    run_in_guest(INSIDE, tmp_path, modules, LIMIT_S, tuple(NAMES[first : first + AT_ONCE]))
