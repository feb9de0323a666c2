"""A warning that would come with every message is due once a minute for each subject."""

from __future__ import annotations

from camfan_wire.log_throttle import MAX_SUBJECTS, PAUSE_S, LogThrottle


class FakeClock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_is_due_and_the_next_a_minute_later() -> None:
    clock = FakeClock()
    warnings = LogThrottle(clock)
    assert warnings.allows("porch")
    assert not warnings.allows("porch")
    assert warnings.allows("gate")
    clock.now = PAUSE_S
    assert warnings.allows("porch")


def test_memory_is_bounded() -> None:
    warnings = LogThrottle(FakeClock())
    for number in range(3 * MAX_SUBJECTS):
        warnings.allows(str(number))
    assert len(warnings._said) <= MAX_SUBJECTS
