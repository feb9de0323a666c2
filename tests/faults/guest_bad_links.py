"""Run by `test_bad_links.py` in a virtual machine: its kernel can lose and delay packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_faults.links import spoil_links
from camfan_faults.net import namespaces


@pytest.mark.timeout(500)
def test_loss_and_jitter_cost_no_frame_that_was_made(tmp_path: Path) -> None:
    """TCP sends again and the rings repair: each is recorded, once and in order.

    A camera may lower its rate for such a link, and says so.
    """
    with namespaces() as net:
        accounts = spoil_links(tmp_path, net, 6.0)
    assert all(account.delivered for account in accounts.values())
    assert {reason for account in accounts.values() for reason in account.lost} <= {"uplink"}
