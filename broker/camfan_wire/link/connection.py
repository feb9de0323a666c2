"""One life of a link's socket: what is sent and received, and when."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import zmq
from msgspec import structs

from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.handshake import ConnectionMonitor
from camfan_wire.link.state import LinkState
from camfan_wire.link.trouble import LinkTrouble
from camfan_wire.link.user import LinkUser, Parts
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
SILENCE_S = 6.0  # without a message from the broker for this long, a new connection is made
LOOK_S = 0.2  # between looks at failed handshakes, until the broker has answered
FIRST_PROBES = 5  # one after the other at the start, so that the first frame has a good age
ANSWERS = 16  # that are under way; full: the oldest is given up
ANSWER_S = 0.05  # of sending answers, then the socket is looked at again
LINGER_MS = 200  # for what was handed over last: an end of an event, a status


class LinkConnection:
    """Belongs to the thread of its link."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        state: LinkState,
        user: LinkUser,
        trouble: LinkTrouble,
    ) -> None:
        self._state = state
        self._user = user
        self._trouble = trouble
        self._socket = open_socket(context, Role.PEER, state.keys)
        self._monitor = ConnectionMonitor(context, self._socket)
        connect(self._socket, state.endpoint)
        self.descriptors = (self._socket.fileno(), state.wakeup.descriptor)
        wakes = (state.wakeup.descriptor, POLLIN)
        # Any: it polls descriptors of the system too, which its types do not say.
        self._polled: list[tuple[Any, int]] = [(self._socket, POLLIN), wakes]
        self._polled_to_send: list[tuple[Any, int]] = [(self._socket, POLLIN | POLLOUT), wakes]
        self._sent = False  # something, in this run
        self.silent = False  # for SILENCE_S: a new connection has to be made
        self._heard_s = time.monotonic()
        self._beat_due_s = 0.0
        self._broker = ""  # one life of the broker, from its welcome; empty: not welcomed yet
        self._probes = 0
        self._answers: deque[Iterator[Parts]] = deque(maxlen=ANSWERS)
        self._next: Parts | None = None  # of the first answer: made, and not taken by the network

    def close(self) -> None:
        self._monitor.close()
        self._socket.close(linger=LINGER_MS)

    def leave(self) -> None:
        """Send what waits, say goodbye, and close."""
        if self._broker and not self._socket.closed:
            self._flush()
            self._send([messages.encode(messages.Bye())])
        self.close()

    def due_s(self) -> float:
        """For this long nothing has to be done, unless something comes in."""
        state, now = self._state, time.monotonic()
        beat_due = self._beat_due_s if self._broker else min(self._beat_due_s, now + LOOK_S)
        due = min(beat_due, state.end_by_s, state.status_due_s if state.report else math.inf)
        return max(0.0, due - now)

    def wait(self) -> None:
        """For something to do."""
        polled = self._polled_to_send if self._answers else self._polled
        zmq.zmq_poll(polled, math.ceil(self.due_s() * 1000))

    def run_once(self) -> bool:
        """Do what there is to do, without waiting; True: there is more."""
        state = self._state
        if state.wakeup.pending:
            state.wakeup.drain()
        more = self._receive()
        if self._broker and (state.outbox or self._answers or state.ask_again):
            self._send_all()
        self._user.settle()
        self._do_what_is_due()
        sent, self._sent = self._sent, False
        # Sending takes the sign that something has come, too.
        return more or (sent and has_input(self._socket))

    # ---- sending ----

    def _send_all(self) -> None:
        self._flush()
        self._send_answers()
        if self._state.ask_again:
            self._subscribe()

    def _flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        outbox = self._state.outbox
        while outbox:
            parts = outbox.popleft()
            if not self._send(parts):
                outbox.appendleft(parts)
                return

    def _send_answers(self) -> None:
        """Send as much of the answers as the network takes, for ANSWER_S at most."""
        end = time.monotonic() + ANSWER_S
        while self._answers and time.monotonic() < end:
            if self._next is None:
                self._next = next(self._answers[0], None)
            if self._next is None:
                self._answers.popleft()
            elif self._send(self._next):
                self._next = None
            else:
                return

    def _subscribe(self) -> None:
        self._state.ask_again = False
        wishes = self._user.wishes()
        if wishes is not None and not self._send([messages.encode(wishes)]):
            self._state.ask_again = True  # the socket is full; at the next run

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

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        state = self._state
        if not self._broker or now >= self._beat_due_s:
            status = self._monitor.failure()
            if status is not None:
                self._trouble.handshake_failed(status)
        if now >= self._beat_due_s:
            self._beat_due_s = now + HEARTBEAT_S
            self.silent = now - self._heard_s > SILENCE_S
            self._trouble.log_absence()
            if self._broker:  # before the first welcome, the connection itself announces us
                self._probe()
        if state.report and now >= state.status_due_s:
            state.status_due_s = now + STATUS_S
            if self._broker:
                self._send_status(state.report())

    def _send_status(self, report: messages.Report) -> None:
        identity = self._state.identity
        status = messages.Status(
            node=identity.name, kind=identity.kind, time=time.time_ns(), **structs.asdict(report)
        )
        self._send([status_topic(identity.name), messages.encode(status)])

    def _probe(self) -> None:
        self._send([messages.encode(messages.Probe(sent=time.monotonic_ns()))])

    # ---- receiving ----

    def _receive(self) -> bool:
        """Take what has come; True: there may be more."""
        socket, user = self._socket, self._user
        for _ in range(100):  # then look at the clock again
            if not has_input(socket):
                return False
            self._heard_s = self._state.heard_s = time.monotonic()
            parts = [receive(socket, 0, NOT_COPIED)]
            while parts[-1].more:
                parts.append(receive(socket, 0, NOT_COPIED))
            if len(parts) == 3:
                user.on_frame(parts)
            elif len(parts) == 2:
                user.on_topic(parts[0].bytes, parts[1].bytes)
            elif len(parts) == 1:
                self._control(parts[0].bytes)
        return True

    def _control(self, body: bytes) -> None:
        try:
            message = messages.decode_from_broker(body)
        except WireError as exc:
            log.debug("%s: ignored: %s", self._state.endpoint, exc)  # of a newer broker
            return
        if isinstance(message, messages.Welcome):
            self._welcomed(message)
        elif isinstance(message, messages.Echo):
            self._echoed(message)
        if not isinstance(message, messages.Heartbeat):
            answer = self._user.on_message(message)
            if answer is not None:
                self._answers.append(answer)

    def _welcomed(self, welcome: messages.Welcome) -> None:
        state = self._state
        if welcome.broker != self._broker:
            state.clock.forget()
        self._broker = welcome.broker
        self._trouble.clear()
        self._probes = 0
        self._answers.clear()  # the broker asks again for what it still wants
        self._next = None
        self._probe()  # answered before the first frame
        self._send([messages.encode(state.identity.hello(take_over=state.take_over))])
        self._subscribe()
        state.status_due_s = 0.0

    def _echoed(self, echo: messages.Echo) -> None:
        now = time.monotonic_ns()
        self._state.clock.add(self._broker, echo.epoch, echo.sent, echo.received, echo.replied, now)
        self._probes += 1
        if self._probes < FIRST_PROBES:
            self._probe()
