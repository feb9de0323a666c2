"""A node's connection to the broker's delivery socket: hello, clock probes, status, what comes in.

One thread owns the socket: its own, or that of an event loop on which frames go straight on. It
survives everything: the broker greets each new connection with `welcome`, and each welcome is
answered with who we are and what we want. It decides nothing about frames; whoever owns the link
does.
"""

from __future__ import annotations

import logging
import math
import secrets
import socket as sockets_of_the_system
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import zmq
from msgspec import structs

from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.errors import WireError
from camfan_wire.handshake import (
    ConnectionMonitor,
    explain_mechanism,
    explain_status,
    read_mechanism,
)
from camfan_wire.keys import ClientKeys
from camfan_wire.messages import PROTOCOL, Report, Status
from camfan_wire.sockets import (
    COPIED,
    DONTWAIT,
    NOT_COPIED,
    POLLIN,
    POLLOUT,
    Role,
    connect,
    has_input,
    open_socket,
    receive,
    send,
)
from camfan_wire.topics import status_topic

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
STATUS_S = 2.0
CONNECTED_S = 2.5  # the broker's last word is no older than this
SILENCE_S = 6.0  # no word from the broker for so long: the connection is made anew
AWAY_S = 3.0  # no word from the broker for so long: it is said, once
SAY_AGAIN_S = 60.0  # why the broker does not let us in is said this often
LOOK_S = 0.2  # between looks at failed handshakes, until the broker has answered
ASK_S = 15.0  # between questions about what listens at the broker's address
FIRST_PROBES = 5  # one after the other at the start, so that the first frame has a good age
ANSWERS = 16  # that are under way; full: the oldest is given up
TURN_S = 0.05  # of sending answers, then the socket is looked at again
OUTBOX = 1000  # messages that wait while the broker is away; full: the oldest goes

Parts = list[bytes]


class LinkUser:
    """What the owner of a link does with what comes in; all are called on the link's thread."""

    link: Link  # set before anything is called

    def on_frame(self, parts: list[zmq.Frame]) -> None:
        """A message of three parts."""

    def on_topic(self, topic: bytes, body: bytes) -> None:
        """An event or a status."""

    def on_trouble(self, words: str) -> None:
        """Why the broker cannot be reached, when that is known and whenever it changes."""

    def settle(self) -> None:
        """All that came at once was handed over, and what was sent meanwhile is on its way."""

    def on_message(
        self,
        message: messages.FromBroker,  # noqa: ARG002 - for those who hear it
    ) -> Iterator[Parts] | None:
        """A control message other than those the link answers itself.

        What it returns are messages to answer with: each is made when the network takes it, and
        those that were not yet are dropped with the connection.
        """
        return None

    def wishes(self) -> messages.Subscribe | None:
        """What to subscribe to, asked at each welcome."""
        return None


Turner = Callable[["Link"], Callable[[], None]]  # begins to turn a link; what it returns ends that


def in_a_thread(link: Link) -> Callable[[], None]:
    """Turn a link in a thread of its own."""
    thread = threading.Thread(target=link.run, name=f"link {link.name}", daemon=True)
    thread.start()
    return thread.join


class Link:
    """Thread-safe but for what `LinkUser` says. Starts with the object, ends with `close`."""

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
        turner: Turner = in_a_thread,
    ) -> None:
        self.keys = keys
        self.clock = ClockEstimate() if clock is None else clock
        self.endpoint = endpoint
        self.name = name
        self._kind = kind
        self._user = user
        self._publishes = publishes
        self._run = run
        self.take_over = take_over  # of the next hello; to be withdrawn once it has been granted
        self._site = site
        self._report = report
        self._session = secrets.token_hex(8)
        self._outbox: deque[Parts] = deque(maxlen=OUTBOX)
        self._ask_again = False
        self._inner, self._outer = sockets_of_the_system.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self._woken = False
        self._stop = False
        self._end_by = math.inf  # monotonic seconds; once it is stopped
        self._status_due = 0.0
        self._began = time.monotonic()
        self._heard = 0.0  # monotonic seconds of the broker's last word; 0: none yet
        self._told = False  # that the broker is away
        self.trouble: str | None = None  # why it cannot be reached; None: not known, or connected
        self._said: tuple[str, float] = ("", 0.0)  # trouble that was logged last, and when
        self._asked_s = -math.inf  # monotonic, when the broker's greeting was asked for
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._turned_by = 0  # the thread that is at work here
        user.link = self
        self._connection = _Connection(self)
        self._end = turner(self)

    @property
    def connected(self) -> bool:
        """The broker answers."""
        return time.monotonic() - self._heard < CONNECTED_S

    def send(self, parts: Parts) -> None:
        """Send now, or when the broker is there."""
        self._outbox.append(parts)
        if threading.get_ident() != self._turned_by:  # which sends at the end of its turn
            self._wake()

    def ask_again(self) -> None:
        """The wishes of the link's user have changed: tell the broker, now or when it is there."""
        self._ask_again = True
        self._wake()

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        self._status_due = 0.0
        self._wake()

    def close(self, wait_s: float = 0.0) -> None:
        """End. What waits to be sent is given this long to leave; not on an event loop."""
        if self._stop:
            return
        self._end_by = time.monotonic() + wait_s
        self._stop = True
        self._wake()
        self._end()
        self._connection.leave()
        self._inner.close()
        self._outer.close()
        self._context.term()

    def _wake(self) -> None:
        with suppress(OSError):  # it is awake already, or gone
            self._outer.send(b"\0")
        self._woken = True

    def _handshake_failed(self, status: int) -> None:
        """`status` 0: not known."""
        if status:
            self._note(explain_status(self.endpoint, status, self.keys))
        elif time.monotonic() - self._asked_s > ASK_S:
            self._asked_s = time.monotonic()
            threading.Thread(target=self._ask_greeting, name="greeting", daemon=True).start()

    def _ask_greeting(self) -> None:
        """On a thread of its own: the one that turns the link waits for nothing."""
        words = explain_mechanism(self.endpoint, read_mechanism(self.endpoint), self.keys)
        if words is not None and not self.connected and not self._stop:
            self._note(words)

    def _note(self, words: str) -> None:
        said, said_s = self._said
        changed, self.trouble = words != self.trouble, words
        if words != said or time.monotonic() - said_s > SAY_AGAIN_S:
            self._said = (words, time.monotonic())
            log.warning("%s; trying again", words)
        if changed:
            self._user.on_trouble(words)

    def _answered(self) -> None:
        """The broker has let us in."""
        self.trouble = None
        self._asked_s = -math.inf

    def _tell(self) -> None:
        """Say that the broker is away, and that it is back: once an outage, not once an attempt."""
        if self.trouble is not None:
            self._told = True  # and it has been said why
            return
        away = time.monotonic() - max(self._heard, self._began) > AWAY_S
        if away and not self._told:
            log.warning("%s: the broker does not answer; trying until it does", self.endpoint)
        elif self._told and not away:
            log.info("%s: the broker answers", self.endpoint)
        self._told = away

    # ---- for whoever turns it ----

    def run(self) -> None:
        """Wait and turn until it is closed, and for what is still to be sent then."""
        while not self._stop or (self._outbox and time.monotonic() < self._end_by):
            self._connection.wait()
            self.turn()

    def turn(self) -> bool:
        """Do what there is to do, without waiting; True: there is more to do already."""
        self._turned_by = threading.get_ident()
        try:
            more = self._connection.turn()
            if self._connection.silent:
                self._connection.close()
                self._connection = _Connection(self)
        except Exception:  # the outermost loop of its thread
            log.exception("the link to %s ended", self.endpoint)
            self._connection.close()
            raise
        finally:
            self._turned_by = 0
        return more

    def due_s(self) -> float:
        """After so many seconds it is to be turned, though nothing has come in."""
        return self._connection.due_s()

    @property
    def descriptors(self) -> tuple[int, int]:
        """When one of these can be read, it is to be turned. They change with the connection."""
        return self._connection.descriptors


class _Connection:
    """One life of the socket."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._socket = open_socket(link._context, Role.PEER, link.keys)
        self._monitor = ConnectionMonitor(link._context, self._socket)
        connect(self._socket, link.endpoint)
        self.descriptors = (self._socket.fileno(), link._inner.fileno())
        wakes = (link._inner.fileno(), POLLIN)
        # Any: it polls descriptors of the system too, which its types do not say.
        self._polled: list[tuple[Any, int]] = [(self._socket, POLLIN), wakes]
        self._polled_to_send: list[tuple[Any, int]] = [(self._socket, POLLIN | POLLOUT), wakes]
        self._sent = False  # something, in this turn
        self.silent = False  # for so long that it is to be made anew
        self._heard = time.monotonic()
        self._beat_due = 0.0
        self._broker = ""
        self._probes = 0
        self._answers: deque[Iterator[Parts]] = deque(maxlen=ANSWERS)
        self._next: Parts | None = None  # of the first answer: made, and not taken by the network

    def close(self) -> None:
        self._monitor.close()
        # What was handed over last (an end of an event, a status) may still leave.
        self._socket.close(linger=200)

    def due_s(self) -> float:
        """So long nothing has to be done, unless something comes in."""
        link, now = self._link, time.monotonic()
        beat_due = self._beat_due if self._broker else min(self._beat_due, now + LOOK_S)
        due = min(beat_due, link._end_by, link._status_due if link._report else math.inf)
        return max(0.0, due - now)

    def wait(self) -> None:
        """For something to do."""
        polled = self._polled_to_send if self._answers else self._polled
        zmq.zmq_poll(polled, math.ceil(self.due_s() * 1000))

    def turn(self) -> bool:
        """Do what there is to do; True: there is more."""
        link = self._link
        if link._woken:
            self._drain_wakes()
        more = self._receive()
        if link._outbox or self._answers or link._ask_again:
            self._send_all()
        link._user.settle()
        self._keep_up()
        sent, self._sent = self._sent, False
        # Sending takes the sign that something has come, too.
        return more or (sent and has_input(self._socket))

    def _send_all(self) -> None:
        if self._broker:
            self.flush()
            self._answer()
            if self._link._ask_again:
                self._ask()

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        outbox = self._link._outbox
        while outbox:
            parts = outbox.popleft()
            if not self._send(parts):
                outbox.appendleft(parts)
                return

    def _answer(self) -> None:
        """Send of the answers as much as the network takes, for TURN_S at most."""
        end = time.monotonic() + TURN_S
        while self._answers and time.monotonic() < end:
            if self._next is None:
                self._next = next(self._answers[0], None)
            if self._next is None:
                self._answers.popleft()
            elif self._send(self._next):
                self._next = None
            else:
                return

    def leave(self) -> None:
        """Send what waits, say goodbye, and close."""
        if self._broker and not self._socket.closed:
            self.flush()
            self._send([messages.encode(messages.Bye())])
        self.close()

    def _send(self, parts: Parts) -> bool:
        self._sent = True
        try:
            if len(parts) == 1:
                send(self._socket, parts[0], DONTWAIT, COPIED)
            else:
                self._socket.send_multipart(parts, DONTWAIT, copy=len(parts) < 3)
        except zmq.Again:
            return False
        return True

    def _drain_wakes(self) -> None:
        self._link._woken = False
        try:
            while self._link._inner.recv(4096):
                pass
        except BlockingIOError:
            return

    def _keep_up(self) -> None:
        now = time.monotonic()
        link = self._link
        if not self._broker or now >= self._beat_due:
            status = self._monitor.failure()
            if status is not None:
                link._handshake_failed(status)
        if now >= self._beat_due:
            self._beat_due = now + HEARTBEAT_S
            self.silent = now - self._heard > SILENCE_S
            link._tell()
            if self._broker:  # before the first welcome, the connection itself announces us
                self._probe()
        if link._report and now >= link._status_due:
            link._status_due = now + STATUS_S
            if self._broker:
                self._send([status_topic(link.name), messages.encode(self._status(link._report()))])

    def _status(self, report: Report) -> Status:
        return Status(
            node=self._link.name,
            kind=self._link._kind,
            time=time.time_ns(),
            **structs.asdict(report),
        )

    def _probe(self) -> None:
        self._send([messages.encode(messages.Probe(sent=time.monotonic_ns()))])

    def _receive(self) -> bool:
        """Take what has come; True: there may be more."""
        socket = self._socket
        for _ in range(100):  # then look at the clock again
            if not has_input(socket):
                return False
            self._heard = self._link._heard = time.monotonic()
            parts = [receive(socket, 0, NOT_COPIED)]
            while parts[-1].more:
                parts.append(receive(socket, 0, NOT_COPIED))
            if len(parts) == 3:
                self._link._user.on_frame(parts)
            elif len(parts) == 2:
                self._link._user.on_topic(parts[0].bytes, parts[1].bytes)
            elif len(parts) == 1:
                self._control(parts[0].bytes)
        return True

    def _control(self, body: bytes) -> None:
        try:
            message = messages.decode_from_broker(body)
        except WireError as exc:
            log.debug("%s: ignored: %s", self._link.endpoint, exc)  # a newer broker may say more
            return
        if isinstance(message, messages.Welcome):
            self._welcomed(message)
        elif isinstance(message, messages.Echo):
            self._echoed(message)
        if not isinstance(message, messages.Heartbeat):
            answer = self._link._user.on_message(message)
            if answer is not None:
                self._answers.append(answer)

    def _welcomed(self, welcome: messages.Welcome) -> None:
        link = self._link
        if welcome.broker != self._broker:
            link.clock.forget()
        self._broker = welcome.broker
        link._answered()
        self._probes = 0
        self._answers.clear()  # it asks again for what it still wants
        self._next = None
        self._probe()  # answered before the first frame
        hello = messages.Hello(
            protocol=PROTOCOL,
            name=link.name,
            kind=link._kind,
            session=link._session,
            camfan=version("camfan"),
            publishes=link._publishes,
            run=link._run,
            host=sockets_of_the_system.gethostname()[:64] if link._publishes else None,
            take_over=link.take_over,
            site=link._site,
        )
        self._send([messages.encode(hello)])
        self._ask()
        link._status_due = 0.0

    def _ask(self) -> None:
        self._link._ask_again = False
        wishes = self._link._user.wishes()
        if wishes is not None and not self._send([messages.encode(wishes)]):
            self._link._ask_again = True  # the socket is full; at the next turn

    def _echoed(self, echo: messages.Echo) -> None:
        now = time.monotonic_ns()
        self._link.clock.add(self._broker, echo.epoch, echo.sent, echo.received, echo.replied, now)
        self._probes += 1
        if self._probes < FIRST_PROBES:
            self._probe()
