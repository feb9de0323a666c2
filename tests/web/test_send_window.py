"""How many pictures may be under way: as many as the line takes without making them wait."""

from __future__ import annotations

from camfan_nodes.web.send_window import MOST, SLOW_S, SendWindow


def play(window: SendWindow, transfer_s: float, seconds: float, delay_s: float = 0.0) -> int:
    """A line that carries one picture in `transfer_s`, always with something to send.

    Returns the most that were under way in its second half.
    """
    now = free_at = 0.0
    arrivals: list[float] = []
    most = 0
    while now < seconds:
        while window.open:
            window.sent(now)
            free_at = max(now, free_at) + transfer_s
            arrivals.append(free_at + delay_s)
        if now > seconds / 2:
            most = max(most, window.under_way)
        now = arrivals.pop(0)
        window.acknowledged(1, now)
    return most


def test_on_a_thin_line_two_are_under_way_at_most() -> None:
    """So a picture is never older than two transfers and the interval it was taken in."""
    for transfer_s in (0.05, 0.08, 0.15, 0.3, 1.0, 5.0):
        assert play(SendWindow(), transfer_s, 100 * transfer_s) <= 2


def test_on_a_fast_line_the_window_grows() -> None:
    assert play(SendWindow(), 0.001, 20) >= 32


def test_a_long_way_is_not_a_thin_line() -> None:
    """200 ms to the other side of the world do not mean that pictures wait."""
    window = SendWindow()
    window.round_trip_s = 0.2
    assert play(window, 0.002, 60, delay_s=0.2) >= 20


def test_a_line_that_becomes_thin_is_noticed() -> None:
    window = SendWindow()
    play(window, 0.001, 10)
    assert window.size >= 32
    window.acknowledged(window.under_way, 11)
    for now in range(1000, 1100):
        window.sent(now)
        window.acknowledged(1, now + SLOW_S + 1)
    assert window.size == 1


def test_the_window_is_bounded() -> None:
    window = SendWindow()
    for now in range(10_000):
        while window.open:
            window.sent(now)
        window.acknowledged(window.under_way, now)
    assert window.size == MOST
    window.acknowledged(5, 10_001)
    assert window.under_way == 0
