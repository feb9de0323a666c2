"""Frames that the broker missed, or has dropped, from the camera's own ring.

A camera is asked for a few frames at a time, one request after the other, each followed by a pause
as long as the answer took: half of the link stays free, and a live frame waits for less than an
interval. Late frames are kept for the readers that miss them, and no longer.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from camfan_broker.camera.backlog import Backlog, RepairMemory
from camfan_broker.camera.ring import RingEntry
from camfan_wire.clock import Clock
from camfan_wire.errors import WireError
from camfan_wire.header import Position
from camfan_wire.messages import Gap, Repair, Repaired

log = logging.getLogger(__name__)

# Since a frame is missed: the one that shows it may come before the hello of its camera.
PATIENCE_NS = 40_000_000_000  # for a camera that has been connected before
FIRST_PATIENCE_NS = 4_000_000_000  # for one that has not; once, and then not again
ANSWER_NS = 10_000_000_000  # without an item of the answer: it is given up
MAX_CHUNK = 32  # frames that a request asks for
DEFAULT_INTERVAL_NS = 66_000_000  # between live frames, while their rate is unknown
FULL_NS = 20_000_000  # before the next attempt, without room for an answer or for the request


@dataclass(frozen=True, slots=True)
class OpenRepair:
    """A request that is not answered yet."""

    request: Repair
    backlog: Backlog
    bytes: int  # expected


class CameraRepairs:
    """The repairs of one camera. Belongs to the loop's thread.

    `rate` returns live frames per second and their average size in bytes.
    """

    def __init__(
        self,
        camera: str,
        rate: Callable[[], tuple[float, int]],
        memory: RepairMemory,
        monotonic_ns: Clock,
    ) -> None:
        self._camera = camera
        self._rate = rate
        self._memory = memory
        self._now = monotonic_ns
        self._ask: Callable[[Repair], bool] | None = None
        self._known = False  # the node of the camera has been connected
        self._left_ns = 0  # when it left
        self._in_vain = False  # it was waited for, and did not connect
        self._backlogs: list[Backlog] = []
        self._asked: OpenRepair | None = None
        self._asked_ns = 0  # when the request went, or the last item of its answer came
        self._request_ns = 0
        self._frames = 0  # of the present answer
        self._has_items = False  # the present answer has had a frame or a gap
        self._not_before_ns = 0
        self._chunk = 1
        self._grown_ns = 0
        self.repaired = 0  # frames that came late

    @property
    def active(self) -> bool:
        return bool(self._backlogs)

    def camera_came(self, ask: Callable[[Repair], bool]) -> None:
        """The camera's node is connected; `ask` sends it a request."""
        self._ask, self._known, self._in_vain = ask, True, False
        self._want_again()

    def camera_left(self) -> None:
        self._ask, self._left_ns = None, self._now()
        self._want_again()

    def other_publisher(self) -> None:
        """The node that was connected is not the one whose frames come now."""
        self._known = self._ask is not None

    def _want_again(self) -> None:
        """What was asked for is still wanted."""
        if self._asked is not None:
            self._asked.backlog.wanted_ns = self._now()
        self._end_request()

    def backlog(
        self, after: Position, before: Position, since_ns: int | None = None
    ) -> tuple[Backlog, int] | None:
        """The backlog from which a reader at `after` goes on, and the index in it; None if the
        camera cannot be asked.

        `since_ns`: without what was captured before that site time.
        """
        if self._ask is None and self._in_vain:
            return None
        for backlog in self._backlogs if since_ns is None else ():
            index = backlog.index_behind(after)
            if index is not None and not backlog.failed:
                if backlog.done and index == backlog.end:
                    backlog.before, backlog.done = before, False
                return backlog, index
        made = self._memory.open(after, before, self._now(), since_ns)
        self._backlogs.append(made)
        return made, 0

    def want(self, backlog: Backlog) -> None:
        """A reader has read all of a backlog, and can take more."""
        now = self._now()
        backlog.used_ns = now
        backlog.wanted_ns = backlog.wanted_ns or now
        if backlog not in self._backlogs:  # it was closed while its reader was away
            self._backlogs.append(backlog)
            self._memory.reopen(backlog)
        if self._asked is None and now >= self._not_before_ns:
            self.advance(now)

    def advance(self, now: int) -> bool:
        """Ask for what is wanted, give up what cannot come; True if readers should look again."""
        changed = False
        if self._asked is not None and now - self._asked_ns > ANSWER_NS:
            log.warning(
                "%s does not answer a repair request; its missing frames are lost", self._camera
            )
            self._asked.backlog.failed = changed = True
            self._end_request()
        if self._ask is None:
            changed = self._give_up(now) or changed
        for backlog in [b for b in self._backlogs if self._is_unused(b, now)]:
            self._backlogs.remove(backlog)
            self._memory.close(backlog)
        if self._asked is None and self._ask is not None and now >= self._not_before_ns:
            self._ask_next(self._ask, now)
        return changed

    def _is_unused(self, backlog: Backlog, now: int) -> bool:
        """It was not read for a while, and no reader waits for an answer."""
        asked = self._asked is not None and self._asked.backlog is backlog
        return not backlog.waits and not asked and now - backlog.used_ns >= ANSWER_NS

    def close(self) -> None:
        """The site no longer has the camera."""
        self._ask, self._in_vain = None, True
        self._end_request()
        for backlog in self._backlogs:
            backlog.failed = True
            self._memory.close(backlog)
        self._backlogs = []

    def due_ns(self) -> int | None:
        """When the next request may go; None if none waits."""
        may_ask = self._asked is None and self._ask is not None
        return self._not_before_ns if may_ask and any(b.waits for b in self._backlogs) else None

    def frame(self, entry: RingEntry) -> None:
        """A frame of the present answer. Raises WireError for one that was not asked for."""
        backlog = self._expect()
        last, position = backlog.last, entry.header.position
        if position.run == last.run and position.sequence <= last.sequence:
            raise WireError("old", f"late frame {position.sequence} after {last.sequence}")
        if position.run == backlog.before.run and position.sequence >= backlog.before.sequence:
            raise WireError("not-asked", f"late frame {position.sequence} was not asked for")
        self._memory.keep(backlog, entry)
        self.repaired += 1
        self._frames += 1
        self._has_items = True

    def gap(self, gap: Gap) -> None:
        """Frames that the camera does not have. Raises WireError if they were not asked for."""
        self._memory.keep(self._expect(), gap)
        self._has_items = True

    def repaired_to(self, answer: Repaired) -> None:
        """The end of an answer. Raises WireError for one that was not asked for."""
        backlog = self._expect()
        if self._asked is None or answer.id != self._asked.request.id:
            raise WireError("not-asked", f"{answer.id[:20]!r} was not asked for")
        backlog.done = answer.done
        if not answer.done and not self._has_items:
            backlog.failed = True  # else it would be asked for the same again
        self._end_request()
        self._adapt(self._now())
        self.advance(self._now())

    def _expect(self) -> Backlog:
        if self._asked is None:
            raise WireError("not-asked", "this camera was not asked for anything")
        self._asked_ns = self._now()
        return self._asked.backlog

    def _end_request(self) -> None:
        """The open request is over."""
        if self._asked is not None:
            self._memory.answered(self._asked.bytes)
        self._asked = None

    def _ask_next(self, ask: Callable[[Repair], bool], now: int) -> None:
        waiting = [backlog for backlog in self._backlogs if backlog.waits]
        if not waiting:
            return
        size = max(self._rate()[1], 1)
        frames = min(self._chunk, self._memory.fitting(size))
        if not frames:
            self._not_before_ns = now + FULL_NS
            return
        backlog = min(waiting, key=lambda b: b.wanted_ns)
        request = Repair(
            camera=self._camera,
            id=secrets.token_hex(4),
            after=backlog.last,
            before=backlog.before,
            frames=frames,
            since=backlog.since_ns if backlog.last == backlog.start else None,
        )
        if ask(request):
            self._asked = OpenRepair(request, backlog, frames * size)
            self._memory.asked(self._asked.bytes)
            self._asked_ns = self._request_ns = now
            self._frames, self._has_items = 0, False
            backlog.wanted_ns = 0
        else:
            self._not_before_ns = now + FULL_NS

    def _adapt(self, now: int) -> None:
        """Choose how much to ask for next, and when: an answer takes half a frame interval."""
        took = max(now - self._request_ns, 1)
        fps = self._rate()[0]
        half = int(1e9 / fps) // 2 if fps >= 1 else DEFAULT_INTERVAL_NS // 2
        self._not_before_ns = now + took
        if self._frames:
            fitting = half * self._frames // took
            # One more per interval: what was free before may be a buffer that fills.
            grown = self._chunk + (now - self._grown_ns >= 2 * half)
            self._grown_ns = now if grown > self._chunk else self._grown_ns
            self._chunk = max(1, min(fitting, grown, MAX_CHUNK))

    def _give_up(self, now: int) -> bool:
        """Give up what has waited long enough for a camera that is not connected; True if any has.

        After that a gap does not wait until the camera connects: a reader with a thousand gaps
        would wait a thousand times.
        """
        patience = PATIENCE_NS if self._known else FIRST_PATIENCE_NS
        begun = now - patience
        late = [
            b for b in self._backlogs if not b.failed and max(b.made_ns, self._left_ns) <= begun
        ]
        for backlog in late:
            backlog.failed = True
        self._in_vain = self._in_vain or bool(late)
        return bool(late)
