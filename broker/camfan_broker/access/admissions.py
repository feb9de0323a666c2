"""Which key a connection has before its first message.

libzmq asks about a key without naming the connection, and reports a successful handshake without
naming the key. The key is presumed where there is no doubt: all answers that are still open for an
address are about one user. A presumed key can be suspended, but never gains a permission.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

EXPIRE_S = 5.0  # as ZMQ_HANDSHAKE_IVL: by then the handshake has succeeded or ended
MAX_ADDRESSES = 1024


class Admissions:
    """Accepted keys whose connection has not sent a message yet. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, deque[tuple[float, str]]] = {}

    def admit(self, address: str, user: str) -> None:
        """A key of this user was accepted from this address."""
        with self._lock:
            if address not in self._open and len(self._open) >= MAX_ADDRESSES:
                self._open.clear()
            waiting = self._open.setdefault(address, deque(maxlen=MAX_ADDRESSES))
            waiting.append((self._clock(), user))

    def take(self, address: str) -> str | None:
        """A handshake from this address has succeeded: its user, if that is beyond doubt."""
        with self._lock:
            waiting = self._open.get(address, deque())
            while waiting and self._clock() - waiting[0][0] >= EXPIRE_S:
                waiting.popleft()
            users = {user for _, user in waiting}
            if waiting:
                waiting.popleft()
            if not waiting:
                self._open.pop(address, None)
        return users.pop() if len(users) == 1 else None

    def spoken(self, address: str, user: str) -> None:
        """A connection of this user has sent a message: one answer is not open any more."""
        with self._lock:
            waiting = self._open.get(address)
            found = next((entry for entry in waiting or () if entry[1] == user), None)
            if waiting is not None and found is not None:
                waiting.remove(found)
