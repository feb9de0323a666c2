"""The handle of a link: what a node does with its connection to the broker, from any thread.

One thread owns the socket: its own, or that of an event loop on which frames go straight on. A link
survives everything: the broker greets each new connection with `welcome`, and each welcome is
answered with what this node is and wants. It decides nothing about frames; its user does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import zmq

from camfan_wire.clock import ClockEstimate
from camfan_wire.keys import ClientKeys
from camfan_wire.link.connection import LinkConnection
from camfan_wire.link.state import LinkIdentity, LinkState
from camfan_wire.link.trouble import LinkTrouble
from camfan_wire.link.user import LinkUser, Parts
from camfan_wire.messages import Report

log = logging.getLogger(__name__)

LinkStarter = Callable[["Link"], Callable[[], None]]  # runs a link; its result ends that


def run_in_thread(link: Link) -> Callable[[], None]:
    """Run a link in a thread of its own."""
    thread = threading.Thread(target=link.run, name=f"link {link.name}", daemon=True)
    thread.start()
    return thread.join


class Link:
    """Thread-safe but for `run_once` and `run`. Starts with the object, ends with `close`."""

    def __init__(
        self,
        endpoint: str,
        *,
        name: str,
        kind: str,
        user: LinkUser,
        clock: ClockEstimate | None = None,
        publishes: str | None = None,
        run: str | None = None,
        take_over: bool = False,
        site: str | None = None,
        report: Callable[[], Report] | None = None,
        keys: ClientKeys | None = None,
        starter: LinkStarter = run_in_thread,
    ) -> None:
        """Connect.

        Args:
            endpoint: delivery of the broker, such as `tcp://hub:5552`.
            name: of this node, for the broker's figures.
            kind: what it is: camera, recorder, viewer, …
            user: gets what comes in.
            clock: estimate of the site's clock to keep; None: a new one.
            publishes: the camera that it publishes and answers for.
            run: of the frames that it publishes.
            take_over: publish the camera though another process does.
            site: this node is the broker of that site.
            report: makes the status, on the link's thread; None: there is none.
            keys: of a site with keys.
            starter: what runs it: a thread, or an event loop.
        """
        identity = LinkIdentity(name, kind, publishes, run, site)
        self._state = LinkState(
            endpoint,
            identity,
            clock=ClockEstimate() if clock is None else clock,
            report=report,
            keys=keys,
            take_over=take_over,
        )
        self._trouble = LinkTrouble(self._state, user)
        self._user = user
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._running_thread = 0
        user.link = self
        self._connection = self._connect()
        self._end = starter(self)

    def _connect(self) -> LinkConnection:
        return LinkConnection(self._context, self._state, self._user, self._trouble)

    @property
    def name(self) -> str:
        return self._state.identity.name

    @property
    def endpoint(self) -> str:
        return self._state.endpoint

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock."""
        return self._state.clock

    @property
    def connected(self) -> bool:
        """The broker answers."""
        return self._state.connected

    @property
    def trouble(self) -> str | None:
        """Why the broker cannot be reached; None: not known, or connected."""
        return self._trouble.reason

    def withdraw_take_over(self) -> None:
        """Later hellos do not ask to publish a camera that another process publishes."""
        self._state.take_over = False

    def send(self, parts: Parts) -> None:
        """Send now, or when the broker is there."""
        self._state.outbox.append(parts)
        if threading.get_ident() != self._running_thread:  # which sends at the end of its run
            self._state.wakeup.wake()

    def ask_again(self) -> None:
        """The wishes of the link's user have changed: tell the broker, now or when it is there."""
        self._state.ask_again = True
        self._state.wakeup.wake()

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        self._state.status_due_s = 0.0
        self._state.wakeup.wake()

    def close(self, wait_s: float = 0.0) -> None:
        """End. What waits to be sent is given this long to leave; not on an event loop."""
        state = self._state
        if state.stopped:
            return
        state.end_by_s = time.monotonic() + wait_s
        state.stopped = True
        state.wakeup.wake()
        self._end()
        self._connection.leave()
        state.wakeup.close()
        self._context.term()

    # ---- for the thread or the event loop that runs it ----

    def run(self) -> None:
        """Wait and run until it is closed, and for what is still to be sent then."""
        state = self._state
        while not state.stopped or (state.outbox and time.monotonic() < state.end_by_s):
            self._connection.wait()
            self.run_once()

    def run_once(self) -> bool:
        """Do what there is to do, without waiting; True: there is more to do already."""
        self._running_thread = threading.get_ident()
        try:
            more = self._connection.run_once()
            if self._connection.silent:
                self._connection.close()
                self._connection = self._connect()
        except Exception:  # the outermost loop of its thread
            log.exception("the link to %s ended", self.endpoint)
            self._connection.close()
            raise
        finally:
            self._running_thread = 0
        return more

    def due_s(self) -> float:
        """After this many seconds it is to be run, though nothing has come in."""
        return self._connection.due_s()

    @property
    def descriptors(self) -> tuple[int, int]:
        """When one of these can be read, it is to be run. They change with the connection."""
        return self._connection.descriptors
