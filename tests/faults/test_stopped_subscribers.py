"""Subscribers stopped by SIGSTOP for longer than every time-out: no other client notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_faults.ledger import OVERRUN
from camfan_faults.stopping import stop_subscribers

pytestmark = pytest.mark.long

STOPPED_S = 14.0  # the broker forgets a client that is silent for 10 s
MEMORY = 128_000_000
UNDER_WAY = 17  # frames of credit that a reader of a fast link can have in its socket, and one read


def test_stopped_subscribers_cost_bounded_memory_and_wake_to_what_is_theirs(
    tmp_path: Path,
) -> None:
    """`every` gets all, or a gap; `latest` gets nothing old but what was under way."""
    stopped = stop_subscribers(tmp_path, 6, STOPPED_S)

    assert stopped.most_bytes <= MEMORY
    assert stopped.stale <= UNDER_WAY
    awake = [stopped.accounts[f"awake/{camera}"] for camera in ("one", "two")]
    assert all(not account.lost and not account.held for account in awake)
    assert {reason for a in stopped.accounts.values() for reason in a.lost} <= {OVERRUN}
    assert all(account.held == 0 for account in stopped.accounts.values())
