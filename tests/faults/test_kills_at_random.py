"""SIGKILL in the middle of traffic, at random moments: nothing twice, nothing lost unexplained."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_faults.killing import kill_at_random
from camfan_faults.ledger import RESTARTED, Account

pytestmark = pytest.mark.long


def lost(accounts: dict[str, Account]) -> set[str]:
    """The reasons for all that is missing."""
    return {reason for account in accounts.values() for reason in account.lost}


def test_killed_brokers_recorders_and_readers_cost_nothing(tmp_path: Path) -> None:
    """`make faults` does it a hundred times."""
    accounts = kill_at_random(tmp_path, 8, seed=1)

    assert lost(accounts) == set()
    assert all(account.held == account.skipped == 0 for account in accounts.values())


def test_a_killed_camera_costs_its_unsent_frames_and_reports_it(tmp_path: Path) -> None:
    accounts = kill_at_random(tmp_path, 4, seed=2, victims=("one", "broker", "two", "archive"))

    assert lost(accounts) <= {RESTARTED}
    assert all(account.delivered > 100 and account.held == 0 for account in accounts.values())
