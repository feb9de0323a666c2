"""Run by `test_bad_links.py` in a virtual machine: its kernel can lose and delay packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_faults.links import spoil_links
from camfan_faults.net import namespaces
from camfan_faults.outage import assert_nothing_lost


@pytest.mark.timeout(500)
def test_loss_and_jitter_cost_no_frame(tmp_path: Path) -> None:
    """TCP sends again and the rings repair: all is recorded, once and in order."""
    with namespaces() as net:
        assert_nothing_lost(spoil_links(tmp_path, net, 10.0))
