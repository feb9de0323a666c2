"""What a link knows beyond one life of its socket: identity, outbox, clock, when it heard what."""

from __future__ import annotations

import math
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

from camfan_wire.clock import ClockEstimate
from camfan_wire.keys import ClientKeys
from camfan_wire.link.user import Parts
from camfan_wire.link.wakeup import Wakeup
from camfan_wire.messages import PROTOCOL, Hello, Report

CONNECTED_S = 2.5  # the broker's last message is no older than this
OUTBOX = 1000  # messages that wait while the broker is away; full: the oldest goes


@dataclass(frozen=True, slots=True)
class LinkIdentity:
    """What a node is to the broker, from its start to its end."""

    name: str
    kind: str
    publishes: str | None = None  # its camera
    run: str | None = None  # of the frames that it publishes
    site: str | None = None  # it is the broker of that site
    session: str = field(default_factory=lambda: secrets.token_hex(8))

    def hello(self, *, take_over: bool) -> Hello:
        return Hello(
            protocol=PROTOCOL,
            name=self.name,
            kind=self.kind,
            session=self.session,
            camfan=version("camfan"),
            publishes=self.publishes,
            run=self.run,
            host=socket.gethostname()[:64] if self.publishes else None,
            take_over=take_over,
            site=self.site,
        )


class LinkState:
    """Shared by a link and its connections. Any thread may read, append and set flags."""

    def __init__(
        self,
        endpoint: str,
        identity: LinkIdentity,
        *,
        clock: ClockEstimate,
        report: Callable[[], Report] | None,
        keys: ClientKeys | None,
        take_over: bool,
    ) -> None:
        self.endpoint = endpoint
        self.identity = identity
        self.clock = clock
        self.report = report
        self.keys = keys
        self.take_over = take_over  # of the next hello
        self.wakeup = Wakeup()
        self.outbox: deque[Parts] = deque(maxlen=OUTBOX)
        self.ask_again = False  # the wishes have changed
        self.status_due_s = 0.0  # monotonic, as all times here
        self.began_s = time.monotonic()
        self.heard_s = 0.0  # when the broker's last message came; 0: none has
        self.stopped = False
        self.end_by_s = math.inf  # once it is stopped

    @property
    def connected(self) -> bool:
        """The broker answers."""
        return time.monotonic() - self.heard_s < CONNECTED_S
