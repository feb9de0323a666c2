"""The source `http`: an MJPEG stream or a snapshot address, JPEGs untouched.

Uses its own HTTP client: libraries reject the heads and parts that many cameras send, without a
sentence that says why. The first bytes decide what an answer is, not its content type.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from camfan_config.site.pace import SLOWEST_FPS, STALE_INTERVALS, STALL_S, planned_pace
from camfan_config.types import HttpCamera
from camfan_nodes.camera.address import read_address
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.http_client import (
    ExchangeError,
    HttpAnswer,
    HttpClient,
    SilentError,
    StoppedError,
)
from camfan_nodes.camera.http_coding import CODINGS
from camfan_nodes.camera.http_head import Head, HttpError
from camfan_nodes.camera.multipart import StreamError, StreamParser, StreamPart, boundary_of
from camfan_nodes.camera.network_reader import NetworkReader, NetworkReaders
from camfan_nodes.camera.pacing import Thinner
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    SLICE_S,
    CapturedFrame,
    SourceCounts,
    SourceDemand,
    SourceError,
)
from camfan_nodes.camera.stamps import captured_at, placeholder
from camfan_nodes.camera.trust import TrustError, trust_of
from camfan_nodes.camera.words import printable_short

DEPTH = 4  # frames of one burst of the network; full: the oldest is dropped
MIN_TIMEOUT_S, MAX_TIMEOUT_S = 1.0, 30.0  # for an answer; a stream may be silent for longer
MAX_SNIFFED_BYTES = 65_536  # without a frame, of an answer whose type is not a stream


def make_source(_name: str, camera: HttpCamera, clock: Clock) -> HttpSource:
    return HttpSource(camera, clock)


class HttpSource:
    def __init__(self, camera: HttpCamera, clock: Clock) -> None:
        self.counts = SourceCounts()
        self.reopens = True
        address = read_address(camera.url)
        self.name = address.shown
        self._camera = camera
        self._clock = clock
        self._readers = NetworkReaders(self.name, clock)
        stall_s = STALL_S if camera.stall_after is None else camera.stall_after
        self._timeout_s = min(max(MIN_TIMEOUT_S, 0.8 * stall_s), MAX_TIMEOUT_S)
        pace = planned_pace(camera)
        self._silence_s = max(self._timeout_s, pace.stall_s)  # of a stream
        # A slow camera may send the head of its answer with the frame, once that is taken.
        slow_s = 0.8 * STALE_INTERVALS * pace.interval_s
        if camera.snapshot:
            slow_s = min(slow_s, MAX_TIMEOUT_S)
        self._answer_s = max(self._timeout_s, slow_s)
        self._client = HttpClient(address, trust_of(camera), self._timeout_s, self._answer_s)

    def look(self) -> None:
        """Nothing is asked of a camera on the network."""

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[NetworkReader]:
        kind = "snapshots" if self._camera.snapshot else "MJPEG stream"
        pictures = partial(self._snapshots if self._camera.snapshot else self._stream, demand)
        reader = NetworkReader(pictures, DEPTH, self.counts, f"{kind} of {self.name}", demand)
        with self._readers.open(reader):
            yield reader

    def _stream(
        self, demand: SourceDemand, leave: threading.Event
    ) -> Iterator[CapturedFrame | None]:
        thinner = Thinner(self._camera.fps)
        with self._in_words(), self._answer(leave) as answer:
            parts, count = StreamParser(boundary_of(answer.type)), 0
            while data := answer.read(self._silence_s):
                for part in self._fed(parts, data):
                    count += 1
                    if thinner.keeps(self._clock.monotonic_ns() / 1e9, demand.fps):
                        yield None if demand.idle() else self._picture(part, part.head, answer)
                if not count and not parts.begun and _is_another(answer, parts.others):
                    break
            if parts.begun and not count:
                raise ExchangeError(
                    "the camera ended the stream before the first frame was complete"
                )
            raise ExchangeError(_end_of(answer, count, parts.others))

    def _snapshots(
        self, demand: SourceDemand, leave: threading.Event
    ) -> Iterator[CapturedFrame | None]:
        due_ns = self._clock.monotonic_ns()
        while True:
            if demand.idle():
                yield None  # not even asked for
            elif (picture := self._snapshot(leave)) is not None:
                yield picture
            due_ns = self._rest(demand, leave, due_ns)
            if leave.is_set():
                return

    def _rest(self, demand: SourceDemand, leave: threading.Event, due_ns: int) -> int:
        """Wait until the next snapshot is due, and return when that is. A viewer that comes and a
        change of the rate end the wait.
        """
        was_idle = demand.idle()
        while not leave.is_set():
            fps = demand.fps or self._camera.fps or SLOWEST_FPS
            next_ns, now_ns = due_ns + round(1e9 / fps), self._clock.monotonic_ns()
            left_s = (next_ns - now_ns) / 1e9
            if left_s <= 0:
                return now_ns if left_s < -1 / fps else next_ns  # a pause is not made up for
            if was_idle and not demand.idle():
                break
            if was_idle:
                demand.rest(min(left_s, SLICE_S))
            else:
                leave.wait(min(left_s, SLICE_S))
        return self._clock.monotonic_ns()

    def _snapshot(self, leave: threading.Event) -> CapturedFrame | None:
        """One frame within the time-out, however slowly it comes; None: it is damaged."""
        until_s = time.monotonic() + self._answer_s
        asked_ns = self._clock.wall_ns()
        with self._in_words(), self._answer(leave) as answer:
            parts, silent = StreamParser(boundary_of(answer.type)), False
            try:
                while data := answer.read(until_s - time.monotonic()):
                    for part in self._fed(parts, data):
                        lines = answer.head.head.lines | part.head.lines
                        return self._picture(part, Head(lines), answer, asked_ns)
                    if not parts.begun and _is_another(answer, parts.others):
                        break
            except SilentError:
                silent = True
            if not parts.begun:
                raise ExchangeError(f"asked for a snapshot, got {_described(answer, parts.others)}")
            if silent:
                raise ExchangeError(f"no complete frame in {self._answer_s:g} s")
            self.counts.unreadable += not parts.damaged
        return None

    def _picture(
        self, part: StreamPart, head: Head, answer: HttpAnswer, asked_ns: int | None = None
    ) -> CapturedFrame:
        """Of a snapshot since it was asked for. Raises ExchangeError for a placeholder."""
        reason = placeholder(head)
        if reason is not None:
            raise ExchangeError(reason)
        stated = captured_at(head, part.began_ns, part.waited_ns, answer.way_ns)
        if stated is not None:
            return CapturedFrame(part.jpeg, *stated)
        if asked_ns is None:
            return CapturedFrame(part.jpeg, part.began_ns)
        half_ns = max(0, part.began_ns - asked_ns) // 2  # in between, unless the camera keeps some
        return CapturedFrame(part.jpeg, asked_ns + half_ns, half_ns)

    def _fed(self, parts: StreamParser, data: bytes) -> list[StreamPart]:
        before = parts.damaged + parts.skipped
        found = parts.feed(data, self._clock.wall_ns())
        self.counts.unreadable += parts.damaged + parts.skipped - before
        return found

    @contextmanager
    def _answer(self, leave: threading.Event) -> Iterator[HttpAnswer]:
        answer = self._client.get(leave)
        try:
            yield answer
        finally:
            answer.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn failures into SourceErrors with the camera's name; stopping is not a failure."""
        try:
            yield
        except StoppedError:
            return
        except (ExchangeError, HttpError, StreamError, TrustError) as exc:
            raise SourceError(f"{self.name}: {exc}") from exc


def _is_another(answer: HttpAnswer, size: int) -> bool:
    """True after `size` bytes without the start of a JPEG: neither a stream nor a snapshot."""
    whole = 0 < answer.length <= size + 2  # the last two might have been the start of one
    return whole or (size > MAX_SNIFFED_BYTES and "multipart" not in answer.type.lower())


def _described(answer: HttpAnswer, size: int) -> str:
    """An answer of about `size` bytes without a frame, in words."""
    kind = printable_short(answer.type) or "no type"
    if not size:
        return f"{kind} with nothing in it"
    coding = printable_short(answer.head.head.get("content-encoding") or "")
    if coding and coding.lower() not in CODINGS:
        return f"{kind} compressed as {coding}, which cannot be read"
    promised = any(word in answer.type.lower() for word in ("jpeg", "jpg", "multipart"))
    return f"{kind} without a JPEG in it" if promised else kind


def _end_of(answer: HttpAnswer, pictures: int, size: int) -> str:
    """Why a stream is over."""
    hint = "; set `snapshot: true`" if answer.type.lower().startswith("image/jp") else ""
    if not pictures:
        return f"asked for an MJPEG stream, got {_described(answer, size)}{hint}"
    if pictures == 1 and "multipart" not in answer.type.lower():
        return "the camera sent one frame instead of a stream; set `snapshot: true`"
    return "the camera ended the stream"
