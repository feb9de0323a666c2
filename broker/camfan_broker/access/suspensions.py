"""Keys that are not admitted for a while, because their client broke the protocol.

A user is the id of a key: the name of its owner and a part of the key.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_S = 60.0  # doubled by each further offence
LONGEST_S = 3600.0
FORGET_S = 3600.0  # after this long without an offence the next one counts as the first
SUSPENDED = "suspended"  # the reason by which it is counted what a suspended key tries


@dataclass(frozen=True, slots=True)
class Suspension:
    """Of one key."""

    name: str
    why: str  # what it did: `sent 30 MB of messages that do not end`
    until_s: float  # of the clock
    length_s: float


class Suspensions:
    """Which users are suspended, and until when. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, Suspension] = {}  # of each user
        self._begun: set[str] = set()  # users whose suspension has not been seen to end

    def suspend(self, user: str, why: str) -> float:
        """Suspend a user from now on, if it is not yet; for how many seconds it will be."""
        now = self._clock()
        with self._lock:
            last = self._last.get(user)
            if last is not None and now < last.until_s:
                return last.until_s - now
            length_s = FIRST_S
            if last is not None and now <= last.until_s + FORGET_S:
                length_s = min(2 * last.length_s, LONGEST_S)
            self._last[user] = Suspension(name_of(user), why, now + length_s, length_s)
            self._begun.add(user)
            return length_s

    def holds(self, user: str) -> bool:
        """Whether this user is suspended now."""
        last = self._last.get(user)
        return last is not None and self._clock() < last.until_s

    def current(self) -> dict[str, tuple[float, str]]:
        """By name: for how many seconds it is still suspended, and what it did."""
        now = self._clock()
        with self._lock:
            begun = [self._last[user] for user in sorted(self._begun)]
        return {one.name: (one.until_s - now, one.why) for one in begun if now < one.until_s}

    def take_ended(self) -> set[str]:
        """Names whose suspension has ended since the last call."""
        with self._lock:
            ended = {user for user in self._begun if not self.holds(user)}
            self._begun -= ended
            return set(map(name_of, ended)) - set(map(name_of, self._begun))

    def keep(self, users: set[str]) -> None:
        """Forget all but these users: the others do not have a key any more."""
        with self._lock:
            self._begun &= users
            for user in self._last.keys() - users:
                del self._last[user]


def name_of(user: str) -> str:
    """The name that a key belongs to; it may have two while one replaces the other."""
    return user.partition("/")[0]
