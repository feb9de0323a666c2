"""What has arrived from the broker: the newest frames of each camera, and motion.

Written by one reading thread, read by the window. It does not decide what is live.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from camfan import CamfanError, Event, Frame, Subscriber
from camfan.reading.mailbox import Item
from camfan_nodes.monitor.motion_state import MotionState
from camfan_nodes.monitor.observer import Arrival
from camfan_wire.messages import Status

READ_S = 0.2  # how soon the reading thread notices that it is to end


@dataclass(frozen=True, slots=True)
class ArrivedFrame:
    frame: Frame
    arrival: Arrival


def arrival_of(frame: Frame, now_s: float) -> Arrival:
    age = frame.age
    taken_ns = frame.captured if frame.site_time is None else frame.site_time
    if age is None:
        return Arrival(now_s, taken_ns, None)
    return Arrival(now_s, taken_ns, max(0.0, age.seconds), age.error)


class Board:
    """The newest of everything. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new: dict[str, list[ArrivedFrame]] = {}
        self._motion = MotionState()
        self.failure: CamfanError | None = (
            None  # the broker rejected the subscription: nothing more will come
        )

    def put(self, item: Item, now_s: float) -> None:
        with self._lock:
            if isinstance(item, Frame):
                waiting = self._new.setdefault(item.camera, [])
                waiting.append(ArrivedFrame(item, arrival_of(item, now_s)))
                del waiting[:-8]  # enough for the rate, however seldom they are taken
            elif isinstance(item, Event):
                self._motion.note(item, now_s)

    def take(self) -> dict[str, list[ArrivedFrame]]:
        """The frames that came since the last call, by camera."""
        with self._lock:
            new, self._new = self._new, {}
        return new

    def moving(self, camera: str, now_s: float) -> bool:
        """Something moves at this camera, as far as the motion nodes have reported."""
        with self._lock:
            return self._motion.moving(camera, now_s)


class FrameFeed(Protocol):
    """Where a window gets its frames from."""

    @property
    def board(self) -> Board: ...

    @property
    def connected(self) -> bool: ...  # any broker answers

    @property
    def trouble(self) -> str | None: ...  # why a broker cannot be reached, if that is known

    def answers(self, camera: str) -> bool: ...  # its broker does

    @property
    def statuses(self) -> dict[str, Status]: ...

    def site_ns(self) -> int: ...


class Feed:
    """Reads a Subscriber into a Board on a thread of its own, from `start` to `close`."""

    def __init__(self, frames: Subscriber[Item]) -> None:
        self.board = Board()
        self._frames = frames
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, ready: Callable[[], None]) -> None:
        """`ready` is called on the reading thread whenever something came."""
        self._thread = threading.Thread(target=self._run, args=(ready,), name="feed", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._frames.answers()

    @property
    def trouble(self) -> str | None:
        return self._frames.trouble

    def answers(self, camera: str) -> bool:
        return self._frames.answers(camera)

    @property
    def statuses(self) -> dict[str, Status]:
        return self._frames.statuses

    def site_ns(self) -> int:
        return self._frames.site_ns()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, ready: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                item = self._frames.read(timeout=READ_S)
            except TimeoutError:
                continue
            except CamfanError as exc:
                self.board.failure = exc
                return
            self.board.put(item, time.monotonic())
            ready()
