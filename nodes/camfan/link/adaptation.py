"""How much of a camera its link carries: fewer layers first, then lower quality, back again slowly.

Decided from what the broker says it has received, compared with what was made for it over the last
few seconds. A link is thin only if it never catches up meanwhile. What a machine loses that has no
time or memory for it comes in bursts, with the link idle in between.

While the broker is away, or says nothing because the link is cut, nothing is decided: then no link
is to be judged, and what is made is for the ring.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from camfan.link.ingest_socket import SendResult
from camfan_wire.topics import LAYERS

WINDOW_S = 3.0  # a judgement takes at least this time,
WINDOW_FRAMES = 8  # and at least this number of frames,
LONG_WINDOW_S = 30.0  # unless that takes longer than this
TOLERATED = 0.05  # of the frames
PATIENCE_S = 10.0  # without loss, before the next step up; doubled when that step failed,
MAX_PATIENCE_S = 320.0
TRIAL_S = 12.0  # a step up that is followed by loss this soon has failed
QUALITY_STEP = 15
QUALITY_FLOOR = 30
SILENCE_S = 3.0  # without a receipt, of which one comes each second: the link was cut
REMEMBERED = 4096  # frames whose receipt is still out
BEHIND_S = 0.1  # by which a broker that has time for its work may be behind with it
RECEIPTS = 3  # of which a judgement is made, at least
BEHIND = 3  # frames under way at each receipt, at least, where a link is thin: its queue stays full


class _Made(NamedTuple):
    """A frame, and how many there were then, this one included."""

    sequence: int
    at_s: float
    made: int
    sent: int  # of these, handed to the network


class _Mark(NamedTuple):
    """Where a window begins."""

    at_s: float
    made: int
    received: int


class Adaptation:
    """Fed by the thread that publishes (`made`) and by the link's (`received`).

    `quality` is that of the encoder; None for a camera whose JPEGs are not made here.
    """

    def __init__(
        self, quality: int | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.reason: str | None = None  # why less is made than is wanted
        self._base = quality
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._step = 0  # 0: everything; then a layer less each, then quality
        self._made: deque[_Made] = deque(maxlen=REMEMBERED)
        self._count = self._sent = 0
        self._from = -1  # the last sequence that was made before the last change
        self._window: _Mark | None = None
        self._receipts = 0  # in the window
        self._behind = 0  # frames under way at the receipt of the window that had fewest
        self._changed_s = self._heard_s = monotonic()
        self._patience_s = PATIENCE_S
        self._trial = False  # the last change was a step up, and not judged yet

    @property
    def layers(self) -> int:
        """1 to 4."""
        return max(1, LAYERS - self._step)

    def quality(self, asked: int | None = None) -> int | None:
        """For the next frame; `asked` in place of the encoder's own. None: not made here."""
        base = asked or self._base
        if base is None or self._base is None:
            return None
        lowered = base - QUALITY_STEP * max(0, self._step - LAYERS + 1)
        return max(lowered, min(base, QUALITY_FLOOR))

    def made(self, sequence: int, left: SendResult) -> None:
        """A frame was made, and this became of it."""
        with self._lock:
            if left is SendResult.AWAY:
                self._window = None
                return
            if left is SendResult.HELD_UP:
                return  # which says nothing of the link
            self._count += 1
            self._sent += left is SendResult.SENT
            self._made.append(_Made(sequence, self._monotonic(), self._count, self._sent))

    def received(
        self, sequence: int, frames: int, at_s: float | None = None, late_s: float = 0.0
    ) -> None:
        """Take the count of what the broker has received of the run.

        Args:
            sequence: of the newest frame that it has.
            frames: how many it has.
            at_s: when it counted, on our monotonic clock, which may be long before it is heard.
            late_s: by how much it was behind with its work at that time. It then has not read all
                that the link has carried, so that count says nothing of the link.
        """
        with self._lock:
            now_s = self._monotonic()
            if now_s - self._heard_s > SILENCE_S:
                self._restart_window()
            self._heard_s = now_s
            if late_s > BEHIND_S:
                return
            if sequence <= self._from:
                return  # made before the last change, and still under way then
            index = bisect_right(self._made, sequence, key=lambda made: made.sequence) - 1
            if index < 0:
                return
            mark, window = _Mark(now_s, self._made[index].made, frames), self._window
            if window is None or frames < window.received or mark.made < window.made:
                self._begin_window(mark)
                return
            self._receipts += 1
            self._behind = min(
                self._behind, self._under_way(index, now_s if at_s is None else at_s)
            )
            made, long_s = mark.made - window.made, now_s - window.at_s
            if long_s < WINDOW_S or (made < WINDOW_FRAMES and long_s < LONG_WINDOW_S):
                return
            if self._receipts < RECEIPTS:
                return
            lost = made - (frames - window.received)
            thin = lost > 1 and self._behind >= BEHIND
            self._begin_window(mark)
            self._judge(lost / made if thin else 0.0, now_s)

    def _under_way(self, index: int, at_s: float) -> int:
        """Frames that had been handed to the network by then, behind the one that had come."""
        sent = [made.sent for made in islice(self._made, index, None) if made.at_s <= at_s]
        return sent[-1] - sent[0] if sent else 0

    def _begin_window(self, mark: _Mark) -> None:
        self._window, self._receipts, self._behind = mark, 0, REMEMBERED

    def _judge(self, loss: float, now_s: float) -> None:
        quiet_s = now_s - self._changed_s
        if loss > TOLERATED:
            if self._trial and quiet_s < TRIAL_S:
                self._patience_s = min(2 * self._patience_s, MAX_PATIENCE_S)
            self.reason = f"the link carries {1 - loss:.0%} of the frames"
            self._change(min(self._step + 1, self._last_step()), now_s)
            self._trial = False
        elif self._step and quiet_s >= self._patience_s:
            self._change(self._step - 1, now_s)
            self._trial = True
        elif self._trial and quiet_s >= TRIAL_S:
            self._patience_s = max(self._patience_s / 2, PATIENCE_S)
            self._trial = False
        if not self._step:
            self.reason = None

    def _change(self, step: int, now_s: float) -> None:
        self._step, self._changed_s = step, now_s
        self._restart_window()

    def _restart_window(self) -> None:
        """The next window begins with what is made from now on."""
        self._window = None
        self._from = self._made[-1].sequence if self._made else -1

    def _last_step(self) -> int:
        if self._base is None:
            return LAYERS - 1
        return LAYERS - 1 + -(-max(0, self._base - QUALITY_FLOOR) // QUALITY_STEP)
