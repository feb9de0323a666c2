"""Links that lose and delay packets, on a kernel that can do that (netem)."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_testing.guest import run_in_guest

pytestmark = pytest.mark.long

LIMIT_S = 540


@pytest.mark.timeout(LIMIT_S + 30)
def test_with_a_kernel_that_spoils_links(tmp_path: Path) -> None:
    """The test of guest_bad_links.py passes there."""
    inside = Path(__file__).parent / "guest_bad_links.py"
    run_in_guest(inside, tmp_path, ("sch_netem", "veth"), LIMIT_S)
