"""A link that is cut in silence and comes back: nothing is missing, and viewers see now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from camfan_faults.links import cut_link, repair_over_a_thin_link
from camfan_faults.net import Namespaces, Net, NoNamespacesError, namespaces, relays
from camfan_faults.outage import assert_nothing_lost

pytestmark = pytest.mark.long

CUT_S = 12.0  # longer than any time-out of a connection; `make faults` has 30


@pytest.fixture
def network() -> Iterator[Namespaces]:
    try:
        with namespaces() as made:
            yield made
    except NoNamespacesError as exc:
        pytest.skip(f"no network namespaces here: {exc}")


@pytest.fixture
def any_network() -> Iterator[Net]:
    """Namespaces, or relays where there are none."""
    with ExitStack() as stack:
        try:
            net: Net = stack.enter_context(namespaces())
        except NoNamespacesError:
            net = stack.enter_context(relays())
        yield net


def test_a_cut_link_costs_nothing(any_network: Net, tmp_path: Path) -> None:
    """That of a camera and that of the recorder, at once, for longer than every time-out."""
    cut = cut_link(tmp_path, any_network, ("pi", "nas"), CUT_S)

    assert_nothing_lost(cut.accounts)


def test_live_frames_come_while_a_thin_link_is_repairing(
    network: Namespaces, tmp_path: Path
) -> None:
    """What the broker missed comes beside what is new, not before it."""
    thin = repair_over_a_thin_link(tmp_path, network, 3.0)

    assert_nothing_lost(thin.accounts)
    assert thin.live > 0
