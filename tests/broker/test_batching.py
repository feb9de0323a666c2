"""The loop delays its rounds only when frames come fast, and one by one."""

from __future__ import annotations

import time

import pytest

from camfan_broker.loop.batching import MANY, SPAN_NS, BatchingDelay

MS = 1_000_000
SECOND = 1000 * MS


@pytest.mark.parametrize(
    ("apart_ns", "messages", "delays"),
    [
        (MS // 4, 1, True),
        (2 * MS, 1, False),  # 32 cameras of 15 frames a second
        (MS, MANY, False),  # many at once without it
        (MS // 4, 0, False),  # nothing came
    ],
)
def test_the_loop_delays_while_frames_come_one_by_one_and_fast(
    monkeypatch: pytest.MonkeyPatch, apart_ns: int, messages: int, *, delays: bool
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    loop = BatchingDelay()
    for now in range(SECOND, SECOND + SPAN_NS, apart_ns):
        loop.wait()
        loop.took(messages, now)
    assert not slept
    loop.took(messages, SECOND + SPAN_NS)
    loop.wait()
    assert bool(slept) is delays


@pytest.mark.parametrize(("apart_ns", "at_once"), [(MS // 5, 3), (MS // 10, 3), (MS // 2, 1)])
def test_the_faster_frames_come_the_shorter_the_delay(apart_ns: int, at_once: int) -> None:
    loop = BatchingDelay()
    for now in range(SECOND, 2 * SECOND, apart_ns):
        loop.took(1, now)
    assert loop.delay_s * 1e9 // apart_ns == at_once


def test_the_delay_ends_with_the_frames() -> None:
    loop = BatchingDelay()
    for now in range(SECOND, 2 * SECOND, MS // 4):
        loop.took(1, now)
    assert loop.delay_s
    loop.took(0, 2 * SECOND + SPAN_NS)
    loop.took(0, 2 * SECOND + 2 * SPAN_NS)
    assert not loop.delay_s
