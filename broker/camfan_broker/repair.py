"""Frames that the broker missed, or has no more, from the camera's own ring.

A camera is asked for a few frames at a time, one request after the other, and with a pause after
each that is as long as the answer took: half of the link stays free, and a live frame waits for
less than an interval. What comes is kept for the readers that miss it, and for no longer.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable

from camfan_broker.ring import Entry
from camfan_wire.clock import Clock
from camfan_wire.errors import WireError
from camfan_wire.header import Position
from camfan_wire.messages import Gap, Repair, Repaired

log = logging.getLogger(__name__)

# From when something is missed: the frame that shows it may come before its camera's hello.
PATIENCE_NS = 15_000_000_000  # for a camera that has been here before
FIRST_PATIENCE_NS = 4_000_000_000  # for one that we have not heard of; once, then for none of it
ANSWER_NS = 10_000_000_000  # without a frame of the answer: it will not come
MAX_CHUNK = 32  # frames a request asks for
KEPT_BYTES = 16_000_000  # of one backlog; who is further behind asks again
DEFAULT_INTERVAL_NS = 66_000_000  # between live frames, while it is not known

Item = Entry | Gap


class Backlog:
    """What a camera has behind `start`, as far as it has told, for all readers that miss it."""

    def __init__(self, start: Position, before: Position, now: int) -> None:
        self.start = start
        self.before = before
        self.first = 0  # the index of the oldest item that is kept
        self.items: deque[Item] = deque()
        self.bytes = 0
        self.done = False  # all that lies before `before` has been told
        self.failed = False  # the camera cannot be asked
        self.made_ns = now
        self.wanted_ns = 0  # since when a reader waits for more; 0: none does
        self.used_ns = now

    @property
    def end(self) -> int:
        return self.first + len(self.items)

    def append(self, item: Item) -> None:
        self.items.append(item)
        self.bytes += _size(item)
        while self.bytes > KEPT_BYTES and len(self.items) > MAX_CHUNK:
            self.bytes -= _size(self.items.popleft())
            self.first += 1

    def place_of(self, position: Position) -> int | None:
        """The index behind a position; None if it is not one of this backlog's."""
        if position == self.start and self.first == 0:
            return 0
        for index, item in enumerate(self.items, self.first):
            if end_of(item) == position:
                return index + 1
        return None

    def last(self) -> Position:
        """As far as the camera has told."""
        for item in reversed(self.items):
            position = end_of(item)
            if position is not None:
                return position
        return self.start


def end_of(item: Item) -> Position | None:
    """The position of a frame, or of the last one of a gap; None if that is not known."""
    if isinstance(item, Gap):
        return None if item.last is None else Position(item.run, item.last)
    return item.header.position


def _size(item: Item) -> int:
    return 200 if isinstance(item, Gap) else item.bytes


class Repairs:
    """All that is asked of one camera. Belongs to the loop's thread."""

    def __init__(self, camera: str, fps: Callable[[], float], monotonic_ns: Clock) -> None:
        self._camera = camera
        self._fps = fps  # of its live frames
        self._now = monotonic_ns
        self._ask: Callable[[Repair], bool] | None = None
        self._known = False  # the camera's node has been here
        self._in_vain = False  # it is not one that says hello
        self._backlogs: list[Backlog] = []
        self._asked: tuple[Repair, Backlog] | None = None
        self._asked_ns = 0  # when the request went, or the last item of its answer came
        self._request_ns = 0
        self._frames = 0  # of the present answer
        self._told = False  # the present answer has told anything
        self._not_before_ns = 0
        self._chunk = 1
        self.repaired = 0  # frames that came late
        self.repaired_bytes = 0

    @property
    def active(self) -> bool:
        return bool(self._backlogs)

    def camera_came(self, ask: Callable[[Repair], bool]) -> None:
        """The camera's node is connected; `ask` sends it a request."""
        self._ask, self._known, self._asked = ask, True, None
        self._in_vain = False

    def camera_left(self) -> None:
        self._ask, self._asked = None, None

    def backlog(self, after: Position, before: Position) -> tuple[Backlog, int] | None:
        """Where a reader at `after` goes on, and at which place; None if nobody can be asked."""
        if self._ask is None and self._in_vain:
            return None
        for backlog in self._backlogs:
            place = backlog.place_of(after)
            if place is not None and not backlog.failed:
                if backlog.done and place == backlog.end:
                    backlog.before, backlog.done = before, False
                return backlog, place
        made = Backlog(after, before, self._now())
        self._backlogs.append(made)
        return made, 0

    def want(self, backlog: Backlog) -> None:
        """A reader has taken all there is, and can take more."""
        now = self._now()
        backlog.used_ns = now
        backlog.wanted_ns = backlog.wanted_ns or now
        if backlog not in self._backlogs:  # its reader was away for long
            self._backlogs.append(backlog)
        if self._asked is None and now >= self._not_before_ns:
            self.turn(now)

    def turn(self, now: int) -> bool:
        """Ask for what is wanted, give up what cannot come; True if readers should look again."""
        changed = False
        if self._asked is not None and now - self._asked_ns > ANSWER_NS:
            log.warning("%s does not answer: what it was asked for is given up", self._camera)
            self._asked[1].failed = changed = True
            self._asked = None
        if self._ask is None:
            changed = self._give_up(now) or changed
        self._backlogs = [b for b in self._backlogs if not b.failed and now - b.used_ns < ANSWER_NS]
        if self._asked is None and self._ask is not None and now >= self._not_before_ns:
            self._ask_next(self._ask, now)
        return changed

    def due_ns(self) -> int | None:
        """When the next request may go; None if none waits."""
        waits = self._asked is None and self._ask is not None
        return self._not_before_ns if waits and any(b.wanted_ns for b in self._backlogs) else None

    def frame(self, entry: Entry) -> None:
        """A frame of the present answer. Raises WireError for one that was not asked for."""
        backlog = self._expect()
        last, position = backlog.last(), entry.header.position
        if position.run == last.run and position.sequence <= last.sequence:
            raise WireError("old", f"late frame {position.sequence} after {last.sequence}")
        if position.run == backlog.before.run and position.sequence >= backlog.before.sequence:
            raise WireError("not-asked", f"late frame {position.sequence} was not asked for")
        backlog.append(entry)
        self.repaired += 1
        self.repaired_bytes += entry.bytes
        self._frames += 1
        self._told = True

    def gap(self, gap: Gap) -> None:
        """What the camera does not have either. Raises WireError for one that was not asked for."""
        self._expect().append(gap)
        self._told = True

    def repaired_to(self, answer: Repaired) -> None:
        """The end of an answer. Raises WireError for one that was not asked for."""
        backlog = self._expect()
        if self._asked is None or answer.id != self._asked[0].id:
            raise WireError("not-asked", f"{answer.id[:20]!r} was not asked for")
        backlog.done = answer.done
        if not answer.done and not self._told:
            backlog.failed = True  # it would go on for ever
        self._asked = None
        self._pace(self._now())
        self.turn(self._now())

    def _expect(self) -> Backlog:
        if self._asked is None:
            raise WireError("not-asked", "nothing was asked of this camera")
        self._asked_ns = self._now()
        return self._asked[1]

    def _ask_next(self, ask: Callable[[Repair], bool], now: int) -> None:
        waiting = [b for b in self._backlogs if b.wanted_ns and not b.done]
        if not waiting:
            return
        backlog = min(waiting, key=lambda b: b.wanted_ns)
        request = Repair(
            camera=self._camera,
            id=secrets.token_hex(4),
            after=backlog.last(),
            before=backlog.before,
            frames=self._chunk,
        )
        if ask(request):
            self._asked, self._asked_ns, self._request_ns = (request, backlog), now, now
            self._frames, self._told = 0, False
            backlog.wanted_ns = 0

    def _pace(self, now: int) -> None:
        """How much to ask for next, and when: an answer takes half an interval of live frames."""
        took = max(now - self._request_ns, 1)
        self._not_before_ns = now + took
        if self._frames:
            fps = self._fps()
            interval = int(1e9 / fps) if fps >= 1 else DEFAULT_INTERVAL_NS
            fitting = interval // 2 * self._frames // took
            self._chunk = max(1, min(fitting, 2 * self._chunk, MAX_CHUNK))

    def _give_up(self, now: int) -> bool:
        """What has waited long enough for a camera that is not here; True if anything has."""
        patience = PATIENCE_NS if self._known else FIRST_PATIENCE_NS
        late = [b for b in self._backlogs if not b.failed and now - b.made_ns >= patience]
        for backlog in late:
            backlog.failed = True
        self._in_vain = self._in_vain or (bool(late) and not self._known)
        return bool(late)
