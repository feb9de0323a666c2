"""Why the broker cannot be reached: found out, logged once a minute, passed to the user."""

from __future__ import annotations

import logging
import math
import threading
import time

from camfan_wire.handshake import explain_mechanism, explain_status, read_mechanism
from camfan_wire.link.state import LinkState
from camfan_wire.link.user import LinkUser

log = logging.getLogger(__name__)

AWAY_S = 3.0  # after this long without a message from the broker its absence is logged, once
REPEAT_S = 60.0  # between two lines of the log with the same reason
ASK_S = 15.0  # between questions about what listens at the broker's address


class LinkTrouble:
    """Belongs to the link's thread, but for the reason, which any thread may read."""

    def __init__(self, state: LinkState, user: LinkUser) -> None:
        self.reason: str | None = None  # None: not known, or connected
        self._state = state
        self._user = user
        self._logged = ("", 0.0)  # the last reason that was logged, and when
        self._asked_s = -math.inf  # when the broker's greeting was asked for
        self._away = False  # that the broker is away was logged

    def clear(self) -> None:
        """Forget the trouble: the broker has admitted this node."""
        self.reason = None
        self._asked_s = -math.inf

    def handshake_failed(self, status: int) -> None:
        """`status`: of the broker's answer to the key; 0: not known."""
        if status:
            self._set(explain_status(self._state.endpoint, status, self._state.keys))
        elif time.monotonic() - self._asked_s > ASK_S:
            self._asked_s = time.monotonic()
            threading.Thread(target=self._ask_greeting, name="greeting", daemon=True).start()

    def _ask_greeting(self) -> None:
        """On a thread of its own: the thread of the link waits for nothing."""
        state = self._state
        reason = explain_mechanism(state.endpoint, read_mechanism(state.endpoint), state.keys)
        if reason is not None and not state.connected and not state.stopped:
            self._set(reason)

    def _set(self, reason: str) -> None:
        logged, logged_s = self._logged
        changed, self.reason = reason != self.reason, reason
        if reason != logged or time.monotonic() - logged_s > REPEAT_S:
            self._logged = (reason, time.monotonic())
            log.warning("%s; trying again", reason)
        if changed:
            self._user.on_trouble(reason)

    def log_absence(self) -> None:
        """Log that the broker is away, and that it is back: once an outage, not once an attempt."""
        if self.reason is not None:
            self._away = True  # the reason was logged
            return
        state = self._state
        away = time.monotonic() - max(state.heard_s, state.began_s) > AWAY_S
        if away and not self._away:
            log.warning("%s: the broker does not answer; trying until it does", state.endpoint)
        elif self._away and not away:
            log.info("%s: the broker answers", state.endpoint)
        self._away = away
