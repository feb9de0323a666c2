"""At which cameras something moves, from events that may be lost, doubled or out of order."""

from __future__ import annotations

from typing import Literal

import pytest

from camfan import Event
from camfan_nodes.monitor.motion_state import FORGOTTEN_S, MotionState


def event(
    state: Literal["start", "update", "end"],
    event_id: str = "1",
    camera: str | None = "yard",
    kind: str = "motion",
) -> Event:
    return Event(id=event_id, time=1, source="watch", kind=kind, state=state, camera=camera)


def test_it_moves_from_start_to_end() -> None:
    motion = MotionState()
    assert not motion.moving("yard", 0.0)

    motion.note(event("start"), 0.0)
    assert motion.moving("yard", 1.0)
    assert not motion.moving("barn", 1.0)

    motion.note(event("end"), 2.0)
    assert not motion.moving("yard", 2.0)


def test_two_motions_at_once_end_one_by_one() -> None:
    """Two zones, or two motion nodes, at the same camera."""
    motion = MotionState()
    motion.note(event("start", "1"), 0.0)
    motion.note(event("start", "2"), 1.0)

    motion.note(event("end", "1"), 2.0)
    assert motion.moving("yard", 2.0)

    motion.note(event("end", "2"), 3.0)
    assert not motion.moving("yard", 3.0)


def test_an_update_counts_where_the_start_was_missed() -> None:
    motion = MotionState()

    motion.note(event("update"), 0.0)

    assert motion.moving("yard", 1.0)


def test_a_motion_whose_end_was_missed_is_forgotten() -> None:
    """Unless updates still come."""
    motion = MotionState()
    motion.note(event("start"), 0.0)
    motion.note(event("update"), 10.0)

    assert motion.moving("yard", 9.0 + FORGOTTEN_S)
    assert not motion.moving("yard", 10.0 + FORGOTTEN_S)


@pytest.mark.parametrize("odd", [event("start", kind="lighting"), event("start", camera=None)])
def test_other_events_are_not_motion(odd: Event) -> None:
    motion = MotionState()

    motion.note(odd, 0.0)

    assert not motion.moving("yard", 0.0)
